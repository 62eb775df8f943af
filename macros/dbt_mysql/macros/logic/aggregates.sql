{# MariaDB has no any_value. #}
{% macro mariadb__any_value(expression) -%}
  max({{ expression }})
{%- endmacro %}

{% macro mysql__bool_or(expression) -%}
  max({{ expression }})
{%- endmacro %}

{% macro mysql__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set list -%}
    group_concat({{ measure }}{{ ' ' ~ order_by_clause if order_by_clause }} separator {{ delimiter_text }})
  {%- endset -%}
  {%- if limit_num -%}
    substring_index({{ list }}, {{ delimiter_text }}, {{ limit_num }})
  {%- else -%}
    {{ list }}
  {%- endif -%}
{%- endmacro %}
