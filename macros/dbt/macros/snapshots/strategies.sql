{# A strategy is a macro snapshot_<name>_strategy that gives a dict of SQL: unique_key, updated_at, row_changed, scd_id,
   and hard_deletes. `row_changed` compares the aliases it is given for the current version and for the source's row. #}

{% macro strategy_dispatch(name) %}
  {%- set parts = name.split('.') -%}
  {%- set macro_name = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
  {%- set strategy = (context[parts[0]] or {})[macro_name] if parts | length == 2 else context[macro_name] -%}
  {%- if not strategy -%}
    {%- do exceptions.raise_compiler_error('there is no snapshot strategy `' ~ name ~ '`: no macro `' ~ macro_name ~ '` was found') -%}
  {%- endif -%}
  {{ return(strategy) }}
{% endmacro %}

{# md5 over the parts as text; nulls count as empty. #}
{% macro snapshot_hash_arguments(args) -%}
  {{ return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) }}
{%- endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
  md5(
  {%- for arg in args -%}
    coalesce(cast({{ arg }} as varchar), '')
    {%- if not loop.last %} || '|' || {% endif -%}
  {%- endfor -%}
  )
{%- endmacro %}

{% macro snapshot_scd_id(unique_key, updated_at) -%}
  {{ snapshot_hash_arguments(([unique_key] if unique_key is string else [] + unique_key) + [updated_at]) }}
{%- endmacro %}

{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set columns = snapshot_column_names() -%}
  {{ return({
    'unique_key': unique_key,
    'updated_at': updated_at,
    'row_changed': '(' ~ snapshotted_rel ~ '.' ~ columns.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')',
    'scd_id': snapshot_scd_id(unique_key, updated_at) | trim,
    'hard_deletes': adapter.get_hard_deletes_behavior(model_config)
  }) }}
{% endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set updated_at = config.get('updated_at') or snapshot_get_time() | trim -%}
  {%- set column_added, check_cols = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set comparisons = [] -%}
  {%- for column in check_cols -%}
    {%- do comparisons.append(is_distinct(snapshotted_rel ~ '.' ~ column, current_rel ~ '.' ~ column) | trim) -%}
  {%- endfor -%}
  {{ return({
    'unique_key': unique_key,
    'updated_at': updated_at,
    'row_changed': get_true_sql() if column_added or not comparisons else '(' ~ comparisons | join(' or ') ~ ')',
    'scd_id': snapshot_scd_id(unique_key, updated_at) | trim,
    'hard_deletes': adapter.get_hard_deletes_behavior(model_config)
  }) }}
{% endmacro %}

{# Whether the source has a checked column that the snapshot lacks, and the quoted checked columns that both have. #}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if check_cols_config != 'all' and (check_cols_config is string or not check_cols_config) -%}
    {%- do exceptions.raise_compiler_error('`check_cols` of snapshot `' ~ node.name ~ '` must be `all` or a list of columns, not `' ~ check_cols_config ~ '`') -%}
  {%- endif -%}
  {%- if not target_exists -%}
    {%- do return((false, [])) -%}
  {%- endif -%}
  {%- set checked = get_columns_in_query(node['compiled_code']) if check_cols_config == 'all' else check_cols_config -%}
  {%- set existing = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list -%}
  {%- set shared = [] -%}
  {%- for column in checked if column | lower in existing -%}
    {%- do shared.append(adapter.quote(column)) -%}
  {%- endfor -%}
  {{ return((shared | length < checked | length, shared)) }}
{%- endmacro %}

{% macro snapshot_string_as_time(timestamp) -%}
  {{ return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) }}
{%- endmacro %}

{% macro default__snapshot_string_as_time(timestamp) -%}
  cast('{{ timestamp }}' as timestamp)
{%- endmacro %}

{% macro get_updated_at_column_data_type(snapshot_sql) %}
  {%- set name = snapshot_column_names().dbt_updated_at | lower -%}
  {%- for column in get_column_schema_from_query(snapshot_sql) if column.name | lower == name -%}
    {%- do return(column.dtype) -%}
  {%- endfor -%}
  {{ return(none) }}
{% endmacro %}

{# Closing a deleted row writes the time of the run into a column of the source's own times: their types should agree. #}
{% macro check_time_data_types(sql) %}
  {%- set updated_at_type = get_updated_at_column_data_type(sql) -%}
  {%- set run_time_type = get_snapshot_get_time_data_type() -%}
  {%- if updated_at_type and run_time_type and updated_at_type != run_time_type -%}
    {%- do exceptions.warn_snapshot_timestamp_data_types(run_time_type, updated_at_type) -%}
  {%- endif -%}
{% endmacro %}
