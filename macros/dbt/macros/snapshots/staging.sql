{# What this run changes, one row per change: dbt_change_type `insert` (a new version), `update` (the version it ends)
   or `delete` (a version whose row has gone). All branches give the same columns in the same order. #}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {{ return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) }}
{%- endmacro %}

{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set columns = snapshot_column_names() -%}
  {%- set keys = unique_key_fields(strategy.unique_key) -%}
  {%- set new_record = strategy.hard_deletes == 'new_record' -%}
  {%- set deleted_before = 'snapshotted_data.' ~ columns.dbt_is_deleted ~ " = 'True'" -%}
  {%- set join_on = unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_data') -%}
with snapshot_query as (
{{ source_sql }}
),
snapshotted_data as (
    select *, {{ keys }}
    from {{ target_relation }}
    where {{ snapshot_row_is_open(columns) }}
),
new_versions as (
    select
        *,
        {{ keys }},
        {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
        {{ get_dbt_valid_to_current(strategy, columns) }},
        {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
    from snapshot_query
),
ended_versions as (
    select
        *,
        {{ keys }},
        {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
    from snapshot_query
),
insertions as (
    select
        'insert' as dbt_change_type,
        source_data.*
        {%- if new_record %},
        'False' as {{ columns.dbt_is_deleted }}
        {%- endif %}
    from new_versions as source_data
    left join snapshotted_data on {{ join_on }}
    where {{ unique_key_is_null(strategy.unique_key, 'snapshotted_data') }}
       or {{ strategy.row_changed }}
       {%- if new_record %}
       or {{ deleted_before }}
       {%- endif %}
),
updates as (
    select
        'update' as dbt_change_type,
        source_data.*,
        snapshotted_data.{{ columns.dbt_scd_id }}
        {%- if new_record %},
        snapshotted_data.{{ columns.dbt_is_deleted }}
        {%- endif %}
    from ended_versions as source_data
    join snapshotted_data on {{ join_on }}
    where {{ strategy.row_changed }}
    {%- if new_record %} or {{ deleted_before }}{% endif %}
)
{%- if strategy.hard_deletes in ['invalidate', 'new_record'] %},
{#- Distinct, so that it is a table of its own, which servers without hash joins index for themselves. #}
source_keys as (
    select distinct {{ keys }}
    from snapshot_query
),
deletes as (
    select
        'delete' as dbt_change_type,
        source_data.*,
        {{ snapshot_get_time() }} as {{ columns.dbt_updated_at }},
        {{ snapshot_get_time() }} as {{ columns.dbt_valid_from }},
        {{ snapshot_get_time() }} as {{ columns.dbt_valid_to }},
        snapshotted_data.{{ columns.dbt_scd_id }}
        {%- if new_record %},
        snapshotted_data.{{ columns.dbt_is_deleted }}
        {%- endif %}
    from snapshotted_data
    left join source_keys on {{ unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_keys') }}
    left join (select *, {{ keys }} from snapshot_query where 1 = 0) as source_data on 1 = 0
    where {{ unique_key_is_null(strategy.unique_key, 'source_keys') }}
    {%- if new_record %} and not ({{ deleted_before }}){% endif %}
)
{%- endif %}
{%- if new_record %},
deletion_records as (
    {{ snapshot_deletion_records_sql(strategy, source_sql, target_relation, columns, deleted_before) }}
)
{%- endif %}
select * from insertions
union all
select * from updates
{%- if strategy.hard_deletes in ['invalidate', 'new_record'] %}
union all
select * from deletes
{%- endif %}
{%- if new_record %}
union all
select * from deletion_records
{%- endif %}
{%- endmacro %}

{# With a configured valid-to, null still counts as open: rows from before the config was set. #}
{% macro snapshot_row_is_open(columns, alias='') -%}
  {%- set valid_to = (alias ~ '.' if alias else '') ~ columns.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  {%- if current -%}
    ({{ valid_to }} = {{ current }} or {{ valid_to }} is null)
  {%- else -%}
    {{ valid_to }} is null
  {%- endif -%}
{%- endmacro %}

{# The version that says a row is gone: the last known values, null for columns the snapshot does not have yet. #}
{% macro snapshot_deletion_records_sql(strategy, source_sql, target_relation, columns, deleted_before) -%}
  {%- set known = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | map('lower') | list -%}
  {%- set key_columns = [] -%}
  {%- for key in ([strategy.unique_key] if strategy.unique_key is string else strategy.unique_key) -%}
    {%- do key_columns.append('snapshotted_data.' ~ key) -%}
  {%- endfor -%}
    select
        'insert' as dbt_change_type,
        {%- for name in get_columns_in_query(source_sql) %}
        {% if name | lower in known %}snapshotted_data.{{ adapter.quote(name) }}{% else %}null{% endif %} as {{ adapter.quote(name) }},
        {%- endfor %}
        {%- for name in unique_key_names(strategy.unique_key) %}
        snapshotted_data.{{ name }},
        {%- endfor %}
        {{ snapshot_get_time() }} as {{ columns.dbt_updated_at }},
        {{ snapshot_get_time() }} as {{ columns.dbt_valid_from }},
        snapshotted_data.{{ columns.dbt_valid_to }},
        {{ snapshot_scd_id(key_columns, snapshot_get_time() | trim) }} as {{ columns.dbt_scd_id }},
        'True' as {{ columns.dbt_is_deleted }}
    from snapshotted_data
    left join source_keys on {{ unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_keys') }}
    where {{ unique_key_is_null(strategy.unique_key, 'source_keys') }} and not ({{ deleted_before }})
{%- endmacro %}
