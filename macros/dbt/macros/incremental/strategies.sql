{# One macro per strategy; config `incremental_strategy: x` finds get_incremental_x_sql, also in the project.
   `arg_dict` has target_relation, temp_relation, unique_key, dest_columns, incremental_predicates. #}

{% macro get_incremental_append_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_append_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_append_sql(arg_dict) %}
  {{ return(get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'])) }}
{% endmacro %}

{% macro get_incremental_delete_insert_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_delete_insert_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_delete_insert_sql(arg_dict) %}
  {{ return(get_delete_insert_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'], arg_dict['incremental_predicates'])) }}
{% endmacro %}

{% macro get_incremental_merge_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_merge_sql(arg_dict) %}
  {{ return(get_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'], arg_dict['incremental_predicates'])) }}
{% endmacro %}

{% macro get_incremental_default_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_default_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_default_sql(arg_dict) %}
  {%- if arg_dict['unique_key'] -%}
    {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
  {%- endif -%}
  {{ return(get_incremental_append_sql(arg_dict)) }}
{% endmacro %}

{% macro get_incremental_insert_overwrite_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_insert_overwrite_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_insert_overwrite_sql(arg_dict) %}
  {{ raise_unsupported_strategy('insert_overwrite') }}
{% endmacro %}

{# default__get_incremental_microbatch_sql is in microbatch.sql. #}
{% macro get_incremental_microbatch_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{# The indexes that the model's strategy looks rows up by. #}
{% macro create_strategy_indexes(relation) %}
  {{ return(adapter.dispatch('create_strategy_indexes', 'dbt')(relation)) }}
{% endmacro %}

{% macro default__create_strategy_indexes(relation) %}
{% endmacro %}

{# Said before anything is built: a first run needs no strategy, and would pass. #}
{% macro validate_incremental_strategy(strategy) %}
  {%- set built_in = ['append', 'delete+insert', 'merge', 'insert_overwrite', 'microbatch'] -%}
  {%- set meant = 'delete+insert' if strategy == 'default' and config.get('unique_key') else strategy -%}
  {%- if meant in built_in and meant not in adapter.dispatch('supported_incremental_strategies', 'dbt')() -%}
    {{ raise_unsupported_strategy(meant) }}
  {%- elif strategy == 'insert_overwrite' and not config.get('partition_by') -%}
    {%- do adapter.refuse(
      'invalid-config',
      '`incremental_strategy: insert_overwrite` of `' ~ model.name ~ '` needs `partition_by`: it replaces partitions',
      help='set `partition_by`, or another strategy'
    ) -%}
  {%- endif -%}
{% endmacro %}

{% macro raise_unsupported_strategy(strategy) %}
  {%- set supported = adapter.dispatch('supported_incremental_strategies', 'dbt')() -%}
  {%- do exceptions.raise_compiler_error(
    '`incremental_strategy: ' ~ strategy ~ '` is not supported yet by the adapter `' ~ adapter.type()
    ~ '` on ' ~ adapter.capabilities.product ~ ': use `' ~ supported | join('` or `') ~ '`') -%}
{% endmacro %}

{% macro default__supported_incremental_strategies() %}
  {{ return(['append', 'delete+insert', 'merge', 'microbatch']) }}
{% endmacro %}
