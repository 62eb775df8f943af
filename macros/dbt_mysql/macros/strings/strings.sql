{# `||` is a logical or in the default sql_mode. #}
{% macro mysql__concat(fields) -%}
  concat({{ fields | join(', ') }})
{%- endmacro %}

{# Characters, not bytes. #}
{% macro mysql__length(expression) -%}
  char_length({{ expression }})
{%- endmacro %}

{# Empty when there are fewer parts, as elsewhere; substring_index would give the last one. #}
{% macro mysql__split_part(string_text, delimiter_text, part_number) -%}
  {%- set parts -%}
    ((char_length({{ string_text }}) - char_length(replace({{ string_text }}, {{ delimiter_text }}, ''))) div char_length({{ delimiter_text }}) + 1)
  {%- endset -%}
  {%- if part_number is number and part_number < 0 -%}
    case when {{ parts }} < {{ -part_number }} then '' else substring_index(substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, 1) end
  {%- else -%}
    case when {{ parts }} < {{ part_number }} then '' else substring_index(substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, -1) end
  {%- endif -%}
{%- endmacro %}
