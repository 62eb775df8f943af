{# Rows whose key comes again are deleted, then all new rows inserted. A null key deletes nothing. #}
{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {{ return(adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) }}
{%- endmacro %}

{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set keys = unique_key if unique_key is string else unique_key | join(', ') -%}
delete from {{ target }} as DBT_INTERNAL_DEST
where ({{ keys }}) in (
    select distinct {{ keys }}
    from {{ source }} as DBT_INTERNAL_SOURCE
)
    {%- for predicate in incremental_predicate_list(incremental_predicates) %}
and {{ predicate }}
    {%- endfor %};
  {%- endif %}
{{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}

{# One predicate may be given without a list. #}
{% macro incremental_predicate_list(incremental_predicates) -%}
  {%- if not incremental_predicates -%}
    {%- do return([]) -%}
  {%- endif -%}
  {{ return([incremental_predicates] if incremental_predicates is string else incremental_predicates) }}
{%- endmacro %}
