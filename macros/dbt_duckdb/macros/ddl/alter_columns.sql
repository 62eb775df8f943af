{# DuckDB takes one change per statement, and changes no column of a table that has indexes: they are dropped first, and
   those of the config made again. #}
{% macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- for column in add_columns or [] -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- if remove_columns -%}
    {%- do duckdb_drop_indexes(relation) -%}
    {%- for column in remove_columns -%}
      {%- do run_query('alter table ' ~ relation.render() ~ ' drop column ' ~ column.quoted) -%}
    {%- endfor -%}
    {%- do reconcile_indexes(relation) -%}
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__alter_column_type(relation, column_name, new_column_type) -%}
  {%- do duckdb_drop_indexes(relation) -%}
  {%- do default__alter_column_type(relation, column_name, new_column_type) -%}
  {%- do reconcile_indexes(relation) -%}
{%- endmacro %}

{% macro duckdb_drop_indexes(relation) -%}
  {%- for index in run_query(get_show_indexes_sql(relation)).rows -%}
    {%- do run_query(get_drop_index_sql(relation, index[0])) -%}
  {%- endfor -%}
{%- endmacro %}
