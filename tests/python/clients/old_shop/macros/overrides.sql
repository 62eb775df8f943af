{% macro mysql__type_string() %}char{% endmacro %}
{% macro mariadb__type_string() %}char{% endmacro %}
{% macro mysql__concat(fields) %}concat({{ fields | join(', ') }}){% endmacro %}
{% macro mariadb__concat(fields) %}concat({{ fields | join(', ') }}){% endmacro %}
{% macro default__hash(field) %}md5(cast({{ field }} as char)){% endmacro %}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ target.schema if custom_schema_name is none else target.schema ~ '_' ~ custom_schema_name | trim }}
{%- endmacro %}
{% macro query_comment(node) %}old shop: {{ node.unique_id if node else 'none' }}{% endmacro %}
