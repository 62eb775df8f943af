{# Arrays are JSON here. #}
{% macro mysql__array_construct(inputs, data_type) -%}
  json_array({{ inputs | join(', ') }})
{%- endmacro %}

{% macro mysql__array_append(array, new_element) -%}
  json_array_append({{ array }}, '$', {{ new_element }})
{%- endmacro %}

{% macro mysql__array_concat(array_1, array_2) -%}
  json_merge_preserve({{ array_1 }}, {{ array_2 }})
{%- endmacro %}
