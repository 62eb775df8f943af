{# A post-hook that adds an index where the engine profits from one; safe to repeat on incremental models. #}
{% macro index(relation, name, columns) %}{{ return(adapter.dispatch('index', 'shops')(relation, name, columns)) }}{% endmacro %}

{% macro default__index(relation, name, columns) %}{% endmacro %}

{% macro mariadb__index(relation, name, columns) -%}
alter table {{ relation }} add index if not exists {{ name }} ({{ columns | join(', ') }})
{%- endmacro %}

{# MySQL has no "add index if not exists": look first. #}
{% macro mysql__index(relation, name, columns) -%}
  {%- if execute -%}
    {%- set query -%}
      select count(*) from information_schema.statistics
      where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}' and index_name = '{{ name }}'
    {%- endset -%}
    {%- if run_query(query).columns[0].values()[0] == 0 -%}
alter table {{ relation }} add index {{ name }} ({{ columns | join(', ') }})
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{# on-run-end: one line per node that did not end well. #}
{% macro report_failures(results) %}
  {% if execute %}
    {% for result in results if result.status in ('error', 'fail') %}
      {{ log('shops: ' ~ result.node.name ~ ' ended with ' ~ result.status, info=true) }}
    {% endfor %}
  {% endif %}
{% endmacro %}
