{# One information_schema lists the schemas of every attached database. #}
{% macro duckdb__information_schema_name(database) -%}
  system.information_schema
{%- endmacro %}
