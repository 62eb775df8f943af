{# Constant within a statement, to the microsecond, in the session's time zone. #}
{% macro mysql__current_timestamp() -%}
  now(6)
{%- endmacro %}

{% macro mysql__current_timestamp_in_utc_backcompat() -%}
  utc_timestamp(6)
{%- endmacro %}
