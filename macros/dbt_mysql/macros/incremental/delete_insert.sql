{# A join delete: with `in (select …)` MariaDB reads the new rows once for every old one. The target has no alias, because
   deleting through one needs the table's database to be the session's default. Keys may be expressions. #}
{% macro mysql__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set old, new = [], [] -%}
    {%- set columns = mysql_key_columns(target, source, unique_key) -%}
    {%- for column in columns or [] -%}
      {%- do old.append(target ~ '.' ~ column.quoted) -%}
      {%- do new.append(column.in_source) -%}
    {%- endfor -%}
    {%- if columns is none -%}
      {%- set old = [unique_key] if unique_key is string else unique_key -%}
      {%- set new = old -%}
    {%- else -%}
      {%- do mysql_ensure_key_index(target, columns, mysql_indexes(target), unique=false) -%}
    {%- endif -%}
delete {{ target }}
from {{ target }}
join (
    select distinct {% for key in new %}{{ key }} as dbt_key_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ source }} as DBT_INTERNAL_SOURCE
) as dbt_keys on {% for key in old %}{{ key }} = dbt_keys.dbt_key_{{ loop.index }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- for predicate in incremental_predicate_list(incremental_predicates) %}
{{ 'where' if loop.first else 'and' }} ({{ predicate | replace('DBT_INTERNAL_DEST.', target ~ '.') }})
    {%- endfor %};
  {%- endif %}
{{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}
