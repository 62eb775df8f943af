{# DuckDB has one type of index, on whole columns, without an order. What it cannot have is told, not silently left out. #}
{% macro duckdb__create_index_sql_of(relation, index) -%}
  {%- set lost = [index.kind or index.using] if (index.kind or index.using) else [] -%}
  {%- set parts = [] -%}
  {%- for part in index.parts -%}
    {%- do parts.append(part.expression or adapter.quote(part.column)) -%}
    {%- if part.prefix or part.descending -%}
      {%- do lost.append(part.column ~ ('(' ~ part.prefix ~ ')' if part.prefix else '') ~ (' desc' if part.descending else '')) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if lost -%}
    {%- do exceptions.warn('index ' ~ index.name ~ ' on ' ~ relation.render() ~ (' was not made' if index.kind else ' is a plain one on whole columns')
                           ~ ': DuckDB has no ' ~ lost | join(', ')) -%}
  {%- endif -%}
  {%- if index.kind -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set name = relation.incorporate(path={'identifier': index.name}) -%}
  create {{ 'unique ' if index.unique }}index {{ adapter.quote(index.name) }} on {{ relation.render() }} ({{ parts | join(', ') }});
  comment on index {{ name.render() }} is {{ adapter.literal(index.comment) }}
{%- endmacro %}

{% macro duckdb__get_show_indexes_sql(relation) -%}
  select index_name as name, expressions as column_names, is_unique as "unique"
  from duckdb_indexes()
  where schema_name = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
{%- endmacro %}

{% macro duckdb__get_drop_index_sql(relation, index_name) -%}
  drop index if exists {{ relation.incorporate(path={'identifier': index_name}).render() }}
{%- endmacro %}
