{% macro surrogate_key(fields) %}{{ return(adapter.dispatch('surrogate_key', 'old_utils')(fields)) }}{% endmacro %}
{% macro default__surrogate_key(fields) -%}
{%- set parts = [] -%}
{%- for field in fields -%}
  {%- set _ = parts.append("coalesce(cast(" ~ field ~ " as " ~ dbt.type_string() ~ "), '')") -%}
  {%- if not loop.last %}{% set _ = parts.append("'" ~ var('separator', '-') ~ "'") %}{% endif -%}
{%- endfor -%}
{{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}
{% test expression(model, expression, column_name=none) %}
select * from {{ model }} where not ({{ column_name or '' }} {{ expression }})
{% endtest %}
