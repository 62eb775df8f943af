{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
  date_add({{ from_date_or_timestamp }}, interval ({{ interval }}) {{ datepart }})
{%- endmacro %}

{# Weeks by their Mondays: DuckDB 2 counts whole weeks, earlier versions boundaries. #}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
  {%- if datepart | lower == 'week' -%}
    (date_diff('day', date_trunc('week', cast({{ first_date }} as timestamp)), date_trunc('week', cast({{ second_date }} as timestamp))) // 7)
  {%- else -%}
    date_diff('{{ datepart }}', cast({{ first_date }} as timestamp), cast({{ second_date }} as timestamp))
  {%- endif -%}
{%- endmacro %}
