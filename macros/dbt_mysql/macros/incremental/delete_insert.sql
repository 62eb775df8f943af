{# A join delete: with `in (select …)` MariaDB reads the new rows once for every old one. #}
{% macro mysql__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
delete DBT_INTERNAL_DEST
from {{ target }} as DBT_INTERNAL_DEST
join (
    select distinct {% for key in keys %}{{ key }} as dbt_key_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ source }} as DBT_INTERNAL_SOURCE
) as DBT_INTERNAL_KEYS on {% for key in keys %}{{ key }} = DBT_INTERNAL_KEYS.dbt_key_{{ loop.index }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- for predicate in incremental_predicate_list(incremental_predicates) %}
{{ 'where' if loop.first else 'and' }} {{ predicate }}
    {%- endfor %};
  {%- endif %}
{{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}
