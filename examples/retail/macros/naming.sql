{# Schemas come from the variables alone: `+schema: staging` means the value of `staging_schema`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- set layer = (custom_schema_name or 'warehouse') | trim -%}
  {{ var(layer ~ '_schema', var('warehouse_schema') ~ '_' ~ layer) }}
{%- endmacro %}
