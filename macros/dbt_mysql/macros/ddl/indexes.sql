{# A column may carry a prefix length, which text columns need: `note(20)`. #}
{% macro mysql__get_create_index_sql(relation, index_dict) -%}
  {%- set columns = [] -%}
  {%- for column in index_dict.columns -%}
    {%- set name = column.split('(')[0] -%}
    {%- do columns.append(adapter.quote(name) ~ column[name | length:]) -%}
  {%- endfor -%}
  create {{ 'unique ' if index_dict.get('unique') }}index {{ adapter.quote(index_name(relation, index_dict)) }} on {{ relation.render() }} ({{ columns | join(', ') }})
  {{- ' using ' ~ index_dict.get('type') if index_dict.get('type') }}
{%- endmacro %}

{% macro mysql__get_show_indexes_sql(relation) -%}
  select index_name as name, group_concat(column_name order by seq_in_index) as column_names, index_type as method, min(1 - non_unique) as `unique`
  from information_schema.statistics
  where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
  group by index_name, index_type
{%- endmacro %}

{% macro mysql__get_drop_index_sql(relation, index_name) -%}
  drop index {{ adapter.quote(index_name) }} on {{ relation.render() }}
{%- endmacro %}
