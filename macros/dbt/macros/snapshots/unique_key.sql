{# A key may be one column or a list. Inside the queries its parts are called dbt_unique_key, or dbt_unique_key_1 … #}

{% macro unique_key_names(unique_key) %}
  {%- if unique_key is string -%}
    {%- do return(['dbt_unique_key']) -%}
  {%- endif -%}
  {%- set names = [] -%}
  {%- for key in unique_key -%}
    {%- do names.append('dbt_unique_key_' ~ loop.index) -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{% macro unique_key_fields(unique_key) %}
  {%- set names = unique_key_names(unique_key) -%}
  {%- set fields = [] -%}
  {%- for key in ([unique_key] if unique_key is string else unique_key) -%}
    {%- do fields.append(key ~ ' as ' ~ names[loop.index0]) -%}
  {%- endfor -%}
  {{ return(fields | join(', ')) }}
{% endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) %}
  {%- set conditions = [] -%}
  {%- for name in unique_key_names(unique_key) -%}
    {%- do conditions.append(equals(identifier ~ '.' ~ name, from_identifier ~ '.' ~ name) | trim) -%}
  {%- endfor -%}
  {{ return(conditions | join(' and ')) }}
{% endmacro %}

{% macro unique_key_is_null(unique_key, identifier) %}
  {{ return(identifier ~ '.' ~ unique_key_names(unique_key)[0] ~ ' is null') }}
{% endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) %}
  {{ return(identifier ~ '.' ~ unique_key_names(unique_key)[0] ~ ' is not null') }}
{% endmacro %}
