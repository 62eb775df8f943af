{# {% call set_sql_header(config) %}…{% endcall %}: text put before the statement that builds the model. #}
{% macro set_sql_header(config) -%}
  {%- do config.set('sql_header', caller()) -%}
{%- endmacro %}
