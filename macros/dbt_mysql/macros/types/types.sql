{# CAST targets, because that is where these are written: as the type of a column most of them are not valid. #}

{% macro mysql__type_string() -%}
  {{ return('char') }}
{%- endmacro %}

{% macro mysql__type_timestamp() -%}
  {{ return('datetime(6)') }}
{%- endmacro %}

{% macro mysql__type_float() -%}
  {{ return('double') }}
{%- endmacro %}

{% macro mysql__type_numeric() -%}
  {{ return('decimal(28,6)') }}
{%- endmacro %}

{% macro mysql__type_bigint() -%}
  {{ return('signed') }}
{%- endmacro %}

{% macro mysql__type_int() -%}
  {{ return('signed') }}
{%- endmacro %}

{% macro mysql__type_boolean() -%}
  {{ return('signed') }}
{%- endmacro %}
