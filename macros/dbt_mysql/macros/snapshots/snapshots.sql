{# md5 where the server has it, else sha2. A snapshot keeps the one that it began with, which the length of its ids tells. #}
{% macro mysql__snapshot_hash_arguments(args) -%}
  {%- set text -%}
  concat_ws('|'
  {%- for arg in args -%}
    , coalesce(cast({{ arg }} as char), '')
  {%- endfor -%}
  )
  {%- endset -%}
  {{ 'md5(' ~ text ~ ')' if mysql_snapshot_hash() == 'md5' else 'sha2(' ~ text ~ ', 256)' }}
{%- endmacro %}

{% macro mysql_snapshot_hash() -%}
  {%- set existing = load_cached_relation(this) if model.resource_type == 'snapshot' else none -%}
  {%- if existing is not none -%}
    {%- set id_name = snapshot_column_names().dbt_scd_id | lower -%}
    {%- for column in adapter.get_columns_in_relation(existing) if column.name | lower == id_name -%}
      {%- if column.char_size == 64 -%}
        {%- do return('sha2') -%}
      {%- endif -%}
    {%- endfor -%}
    {%- if not adapter.capabilities.md5 -%}
      {%- do adapter.refuse(
        'not-supported',
        'the ids in snapshot `' ~ model.name ~ '` are made by `md5()`, which this server does not have',
        notes=['with another hash a version would not have the id that it had'],
        help="`install component 'file://component_classic_hashing'` brings it back; or `alter table " ~ existing.render() ~ " modify column " ~ id_name ~ " varchar(64)` to go on with `sha2()` for new versions"
      ) -%}
    {%- endif -%}
  {%- endif -%}
  {{ return('md5' if existing is not none or adapter.capabilities.md5 else 'sha2') }}
{%- endmacro %}

{# One statement for all columns. #}
{% macro mysql__create_columns(relation, columns) %}
  {%- do alter_relation_add_remove_columns(relation, columns, none) -%}
{% endmacro %}

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
