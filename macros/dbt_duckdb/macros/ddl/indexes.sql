{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
  {%- set columns = [] -%}
  {%- for column in index_dict.columns -%}
    {%- do columns.append(adapter.quote(column)) -%}
  {%- endfor -%}
  create {{ 'unique ' if index_dict.get('unique') }}index if not exists {{ adapter.quote(index_name(relation, index_dict)) }} on {{ relation.render() }} ({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__get_show_indexes_sql(relation) -%}
  select index_name as name, expressions as column_names, is_unique as "unique"
  from duckdb_indexes()
  where schema_name = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
{%- endmacro %}

{% macro duckdb__get_drop_index_sql(relation, index_name) -%}
  drop index if exists {{ relation.incorporate(path={'identifier': index_name}).render() }}
{%- endmacro %}
