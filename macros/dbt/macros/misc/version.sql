{# Packages ask this to tell dbt's second generation from the first, whose behaviour this engine has. #}
{% macro is_core_v2() %}
  {{ return(false) }}
{% endmacro %}
