{# With the behaviour flag two nulls are equal; without it the comparison is the engine's own. #}
{% macro equals(expr1, expr2) %}
  {{ return(adapter.dispatch('equals', 'dbt')(expr1, expr2)) }}
{% endmacro %}

{% macro default__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    ({{ expr1 }} is not distinct from {{ expr2 }})
  {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
  {%- endif -%}
{%- endmacro %}

{# True when the two differ, nulls counted as a value. #}
{% macro is_distinct(expr1, expr2) %}
  {{ return(adapter.dispatch('is_distinct', 'dbt')(expr1, expr2)) }}
{% endmacro %}

{% macro default__is_distinct(expr1, expr2) -%}
  ({{ expr1 }} is distinct from {{ expr2 }})
{%- endmacro %}

{% macro get_true_sql() %}
  {{ return(adapter.dispatch('get_true_sql', 'dbt')()) }}
{% endmacro %}

{% macro default__get_true_sql() %}
  {{ return('true') }}
{% endmacro %}
