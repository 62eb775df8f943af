{% macro duckdb__current_timestamp() -%}
  now()
{%- endmacro %}

{# Without a zone, as the columns of models mostly are. #}
{% macro duckdb__snapshot_get_time() -%}
  cast(now() as timestamp)
{%- endmacro %}
