{# Names are compared without case, as the engines here do. #}

{% macro diff_columns(source_columns, target_columns) %}
  {%- set target_names = target_columns | map(attribute='name') | map('lower') | list -%}
  {%- set missing = [] -%}
  {%- for column in source_columns if column.name | lower not in target_names -%}
    {%- do missing.append(column) -%}
  {%- endfor -%}
  {{ return(missing) }}
{% endmacro %}

{# Columns that both have, with the type that the target's would have to become. #}
{% macro diff_column_data_types(source_columns, target_columns) %}
  {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{% endmacro %}

{% macro default__diff_column_data_types(source_columns, target_columns) %}
  {%- set changed = [] -%}
  {%- set sources = {} -%}
  {%- for column in source_columns -%}
    {%- do sources.update({column.name | lower: column}) -%}
  {%- endfor -%}
  {%- for column in target_columns -%}
    {%- set source = sources.get(column.name | lower) -%}
    {%- if source and source.data_type != column.data_type and not source.can_expand_to(other_column=column) -%}
      {%- do changed.append({'column_name': column.name, 'new_type': source.data_type}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(changed) }}
{% endmacro %}

{# Makes columns of the target wide enough for those of the other relation: strings, and numbers and times as well. #}
{% macro widen_columns(from_relation, to_relation) %}
  {%- do adapter.expand_target_column_types(from_relation=from_relation, to_relation=to_relation) -%}
  {%- set sources = {} -%}
  {%- for column in adapter.get_columns_in_relation(from_relation) -%}
    {%- do sources.update({column.name | lower: column}) -%}
  {%- endfor -%}
  {%- for column in adapter.get_columns_in_relation(to_relation) if column.name | lower in sources -%}
    {%- set wider = column.type_with(sources[column.name | lower]) -%}
    {%- if wider and wider != column.data_type -%}
      {%- do alter_column_type(to_relation, column.name, wider) -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}
