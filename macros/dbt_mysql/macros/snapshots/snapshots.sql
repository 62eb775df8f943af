{% macro mysql__snapshot_hash_arguments(args) -%}
  md5(concat_ws('|'
  {%- for arg in args -%}
    , coalesce(cast({{ arg }} as char), '')
  {%- endfor -%}
  ))
{%- endmacro %}

{% macro mysql__snapshot_string_as_time(timestamp) -%}
  cast('{{ timestamp }}' as datetime(6))
{%- endmacro %}

{# A configured valid-to is mostly text, and would make the column text: it is cast. #}
{% macro mysql__get_dbt_valid_to_current(strategy, columns) -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  {%- set open = 'nullif(' ~ strategy.updated_at ~ ', ' ~ strategy.updated_at ~ ')' -%}
  {{ 'coalesce(' ~ open ~ ', cast(' ~ current ~ ' as datetime(6)))' if current else open }} as {{ columns.dbt_valid_to }}
{%- endmacro %}

{% macro mysql__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = snapshot_column_names() -%}
update {{ target }} as DBT_INTERNAL_DEST
join {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
set DBT_INTERNAL_DEST.{{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
where DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
  and {{ snapshot_row_is_open(columns, 'DBT_INTERNAL_DEST') }};
{{ snapshot_insert_sql(target, source, insert_cols) }}
{%- endmacro %}
