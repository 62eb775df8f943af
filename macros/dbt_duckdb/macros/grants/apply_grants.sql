{# DuckDB has no users. A project that is also built on a server keeps its grants: say so, and go on. #}
{% macro duckdb__apply_grants(relation, grant_config, should_revoke=true) %}
  {%- if grant_config -%}
    {%- do exceptions.warn('grants on ' ~ relation.render() ~ ' were not applied: DuckDB has no users') -%}
  {%- endif -%}
{% endmacro %}
