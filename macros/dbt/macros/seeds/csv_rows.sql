{# Gives the first statement, for the compiled file: a seed's rows are in its .csv already. #}
{% macro load_csv_rows(model, agate_table) -%}
  {{ return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) }}
{%- endmacro %}

{% macro default__load_csv_rows(model, agate_table) -%}
  {{ return(basic_load_csv_rows(model, get_batch_size(), agate_table)) }}
{%- endmacro %}

{% macro basic_load_csv_rows(model, batch_size, agate_table) -%}
  {{ return(insert_csv_rows(this, agate_table, batch_size)) }}
{%- endmacro %}

{% macro insert_csv_rows(relation, agate_table, batch_size) -%}
  {%- set inserts = adapter.seed_inserts(relation, agate_table, batch_size) -%}
  {%- for insert in inserts -%}
    {%- do adapter.add_query(insert, abridge_sql_log=true) -%}
  {%- endfor -%}
  {{ return(inserts[0] if inserts else '') }}
{%- endmacro %}

{% macro get_batch_size() -%}
  {{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_batch_size() %}
  {{ return(10000) }}
{% endmacro %}

{% macro get_binding_char() -%}
  {{ return(adapter.dispatch('get_binding_char', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_binding_char() %}
  {{ return('%s') }}
{% endmacro %}

{% macro get_csv_sql(create_or_truncate_sql, insert_sql) %}
  {{ return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) }}
{% endmacro %}

{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) %}
{{ create_or_truncate_sql }};
-- dbt seed --
{{ insert_sql }}
{% endmacro %}

{% macro get_seed_column_quoted_csv(model, column_names) %}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}
    {%- do quoted.append(adapter.quote_seed_column(name, model.config.get('quote_columns'))) -%}
  {%- endfor -%}
  {{ return(quoted | join(', ')) }}
{% endmacro %}
