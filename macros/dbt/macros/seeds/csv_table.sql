{% macro create_csv_table(model, agate_table) -%}
  {{ return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) }}
{%- endmacro %}

{% macro default__create_csv_table(model, agate_table) -%}
  {%- set sql = get_create_csv_table_sql(this, model, agate_table) -%}
  {%- call statement('create_csv_table') -%}
    {{ sql }}
  {%- endcall -%}
  {{ return(sql) }}
{%- endmacro %}

{# Types come from the config `column_types`, else from the values. #}
{% macro get_create_csv_table_sql(relation, model, agate_table) -%}
  {%- set column_types = model.config.get('column_types') or {} -%}
  {%- set quote_columns = model.config.get('quote_columns') -%}
create table {{ relation.render() }} (
  {%- for name in agate_table.column_names %}
  {{ adapter.quote_seed_column(name | string, quote_columns) }} {{ column_types.get(name) or adapter.convert_type(agate_table, loop.index0) }}
  {{- ',' if not loop.last }}
  {%- endfor %}
) {{ adapter.create_table_options() }}
{%- endmacro %}

{# Empties the table of an earlier run, or makes it anew on a full refresh. #}
{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro %}

{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {%- do adapter.drop_relation(old_relation) -%}
    {%- do return(create_csv_table(model, agate_table)) -%}
  {%- endif -%}
  {%- do adapter.truncate_relation(old_relation) -%}
  {%- do return('truncate table ' ~ old_relation.render()) -%}
{%- endmacro %}
