{# Without an offset: MariaDB knows none in literals, and MySQL would move the time to the session's zone. #}
{% macro mysql__event_time_literal(time) -%}
  {{ return("'" ~ time.strftime('%Y-%m-%d %H:%M:%S') ~ "'") }}
{%- endmacro %}
