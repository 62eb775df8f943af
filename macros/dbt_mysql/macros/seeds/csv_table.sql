{# `delete`, not `truncate`: truncating would commit, and readers would see an empty seed. #}
{% macro mysql__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {%- do return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) -%}
  {%- endif -%}
  {%- set sql = 'delete from ' ~ old_relation.render() -%}
  {%- call statement('reset_csv_table') -%}
    {{ sql }}
  {%- endcall -%}
  {{ return(sql) }}
{%- endmacro %}
