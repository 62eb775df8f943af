{% macro mysql__get_incremental_merge_sql(arg_dict) %}
  {{ raise_unsupported_strategy('merge') }}
{% endmacro %}

{% macro mysql__supported_incremental_strategies() %}
  {{ return(['append', 'delete+insert', 'microbatch']) }}
{% endmacro %}
