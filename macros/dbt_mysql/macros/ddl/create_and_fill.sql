{# For servers that do not create a table from a query, and engines that need to know its columns first. #}
{% macro mysql_create_and_fill_sql(temporary, relation, sql) -%}
  {%- set columns = mysql_query_columns(relation, sql) -%}
  {%- set key = [mysql_primary_key_sql()] if mysql_primary_key_sql() and not temporary else [] -%}
  {%- set conversion = adapter.charset_conversion() if not temporary else '' -%}
  {{ return('create ' ~ ('temporary ' if temporary) ~ 'table ' ~ relation.render() ~ ' (' ~ (columns.definitions + key) | join(', ') ~ ') '
            ~ adapter.create_table_options() ~ (';\nalter table ' ~ relation.render() ~ ' convert to ' ~ conversion if conversion else '') ~ ';\ninsert into ' ~ relation.render() ~ ' (' ~ columns.names | join(', ') ~ ')\n' ~ sql) }}
{%- endmacro %}

{# The columns that a query gives, as they are declared: names and whole definitions. Only a view tells all of them. #}
{% macro mysql_query_columns(relation, sql) -%}
  {%- set probe = make_intermediate_relation(relation, '__dbt_probe').incorporate(type='view') -%}
  {%- do adapter.drop_on_failure(probe) -%}
  {%- do run_query('create or replace view ' ~ probe.render() ~ ' as ' ~ sql) -%}
  {%- set names, definitions = [], [] -%}
  {%- for row in run_query(adapter.dispatch('get_column_definitions_sql', 'dbt')(probe)).rows -%}
    {%- do names.append(adapter.quote(row[0])) -%}
    {%- do definitions.append(adapter.quote(row[0]) ~ ' ' ~ row[1]) -%}
  {%- endfor -%}
  {%- do run_query('drop view if exists ' ~ probe.render()) -%}
  {{ return({'names': names, 'definitions': definitions}) }}
{%- endmacro %}
