{# DuckDB has primary keys; of the rest it is told that it has no meaning here. #}
{% macro duckdb__apply_table_options(relation, stays) -%}
  {%- set unknown = [] -%}
  {%- for key in ['partition_by', 'engine', 'row_format', 'charset', 'collation'] if config.get(key) -%}
    {%- do unknown.append(key) -%}
  {%- endfor -%}
  {%- if unknown -%}
    {%- do exceptions.warn('config `' ~ unknown | join('`, `') ~ '` of ' ~ relation.render() ~ ' was not applied: DuckDB has no such thing') -%}
  {%- endif -%}
  {%- set columns = [] -%}
  {%- for name in configured_primary_key() if not stays -%}
    {%- do columns.append(adapter.quote(name)) -%}
  {%- endfor -%}
  {%- if columns -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' add primary key (' ~ columns | join(', ') ~ ')') -%}
  {%- endif -%}
{%- endmacro %}
