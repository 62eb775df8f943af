{% macro information_schema_name(database) %}
  {{ return(adapter.dispatch('information_schema_name', 'dbt')(database)) }}
{% endmacro %}

{% macro default__information_schema_name(database) -%}
  {%- if database -%}
    {{ database }}.information_schema
  {%- else -%}
    information_schema
  {%- endif -%}
{%- endmacro %}

{% macro list_schemas(database) -%}
  {{ return(adapter.dispatch('list_schemas', 'dbt')(database)) }}
{%- endmacro %}

{# The database may come quoted. #}
{% macro default__list_schemas(database) -%}
  {{ return(run_query("select distinct schema_name from " ~ information_schema_name(database) ~ ".schemata" ~ (" where catalog_name = '" ~ database.strip('"') ~ "'" if database else ""))) }}
{%- endmacro %}

{# A table of one number: 0 when the schema is missing. #}
{% macro check_schema_exists(information_schema, schema) -%}
  {{ return(adapter.dispatch('check_schema_exists', 'dbt')(information_schema, schema)) }}
{%- endmacro %}

{% macro default__check_schema_exists(information_schema, schema) -%}
  {{ return(run_query("select count(*) from " ~ information_schema_name(information_schema.database) ~ ".schemata where schema_name = '" ~ schema ~ "'"
                      ~ (" and catalog_name = '" ~ information_schema.database ~ "'" if information_schema.database else ""))) }}
{%- endmacro %}
