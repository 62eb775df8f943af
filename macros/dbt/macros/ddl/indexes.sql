{# What config `indexes` says: a list of {columns, unique, type, name}. What a strategy needs for itself is made by it. #}
{% macro get_indexes() -%}
  {{ return(config.get('indexes') or []) }}
{%- endmacro %}

{# Of a table that has just been made and filled. #}
{% macro create_indexes(relation) -%}
  {{ return(adapter.dispatch('create_indexes', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__create_indexes(relation) -%}
  {%- if get_indexes() -%}
    {%- do reconcile_indexes(relation) -%}
  {%- endif -%}
{%- endmacro %}

{# Of a table that stays: adds what is missing, replaces what has changed, and drops what was ours and is no longer
   declared. Indexes that others made are left alone. #}
{% macro reconcile_indexes(relation) -%}
  {{ return(adapter.dispatch('reconcile_indexes', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__reconcile_indexes(relation) -%}
  {%- set changes = adapter.index_changes(relation, get_indexes()) -%}
  {%- for name in changes['drop'] -%}
    {%- do run_query(get_drop_index_sql(relation, name)) -%}
  {%- endfor -%}
  {%- for index in changes['create'] -%}
    {%- set create_index_sql = create_index_sql_of(relation, index) -%}
    {%- if create_index_sql -%}
      {%- do run_query(create_index_sql) -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{# `index` is as `adapter.index` gives it. #}
{% macro create_index_sql_of(relation, index) -%}
  {{ return(adapter.dispatch('create_index_sql_of', 'dbt')(relation, index)) }}
{%- endmacro %}

{% macro default__create_index_sql_of(relation, index) -%}
  {%- do return(none) -%}
{%- endmacro %}

{% macro get_create_index_sql(relation, index_dict) -%}
  {{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}
{%- endmacro %}

{% macro default__get_create_index_sql(relation, index_dict) -%}
  {{ return(create_index_sql_of(relation, adapter.index(index_dict))) }}
{%- endmacro %}

{% macro get_drop_index_sql(relation, index_name) -%}
  {{ return(adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name)) }}
{%- endmacro %}

{% macro default__get_drop_index_sql(relation, index_name) -%}
  {%- do exceptions.raise_compiler_error('`get_drop_index_sql` is not implemented for the adapter `' ~ adapter.type() ~ '`') -%}
{%- endmacro %}

{% macro get_show_indexes_sql(relation) -%}
  {{ return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_show_indexes_sql(relation) -%}
  {%- do exceptions.raise_compiler_error('`get_show_indexes_sql` is not implemented for the adapter `' ~ adapter.type() ~ '`') -%}
{%- endmacro %}
