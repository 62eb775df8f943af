{# What the valid-to of an open row holds: null, or config `dbt_valid_to_current`. Typed like `updated_at`. #}
{% macro get_dbt_valid_to_current(strategy, columns) %}
  {{ return(adapter.dispatch('get_dbt_valid_to_current', 'dbt')(strategy, columns)) }}
{% endmacro %}

{% macro default__get_dbt_valid_to_current(strategy, columns) -%}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro %}

{# The first run: every row is its first version. #}
{% macro build_snapshot_table(strategy, sql) -%}
  {{ return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) }}
{%- endmacro %}

{% macro default__build_snapshot_table(strategy, sql) -%}
  {%- set columns = snapshot_column_names() -%}
select
  *,
  {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
  {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
  {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
  {{ get_dbt_valid_to_current(strategy, columns) }}
  {%- if strategy.hard_deletes == 'new_record' %},
  'False' as {{ columns.dbt_is_deleted }}
  {%- endif %}
from (
{{ sql }}
) as dbt_snapshot_source
{%- endmacro %}

{# The staging table: built beside the snapshot, dropped by post_snapshot. #}
{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
  {%- set staging_relation = make_temp_relation(target_relation) -%}
  {%- do adapter.drop_on_failure(staging_relation) -%}
  {%- do adapter.staging(true) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(adapter.capabilities.transactional_ddl, staging_relation, snapshot_staging_table(strategy, sql, target_relation)) }}
  {%- endcall -%}
  {%- do adapter.staging(false) -%}
  {{ return(staging_relation) }}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}
  {{ return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) }}
{% endmacro %}

{% macro default__post_snapshot(staging_relation) %}
  {%- do adapter.drop_relation(staging_relation) -%}
{% endmacro %}
