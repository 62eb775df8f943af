{# There is one information_schema, and databases are schemas. #}
{% macro mysql__information_schema_name(database) -%}
  information_schema
{%- endmacro %}

{% macro mysql__list_schemas(database) -%}
  {{ return(run_query('select schema_name from information_schema.schemata')) }}
{%- endmacro %}

{% macro mysql__check_schema_exists(information_schema, schema) -%}
  {{ return(run_query('select count(*) from information_schema.schemata where schema_name = ' ~ adapter.literal(schema))) }}
{%- endmacro %}
