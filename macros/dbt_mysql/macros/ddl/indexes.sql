{# One statement for all, so that the rows are read once. It names no algorithm and no lock: the server takes the gentlest
   that it has for the table's engine and the kind of index, and would refuse one that is too gentle. #}
{% macro mysql__reconcile_indexes(relation) -%}
  {%- set changes = adapter.index_changes(relation, get_indexes()) -%}
  {%- set actions = [] -%}
  {%- for name in changes['drop'] -%}
    {%- do actions.append('drop index ' ~ adapter.quote(name)) -%}
  {%- endfor -%}
  {%- for index in changes['create'] -%}
    {%- do actions.append('add ' ~ mysql_index_definition(index)) -%}
  {%- endfor -%}
  {%- if actions -%}
    {%- do mysql_alter_shards(relation, actions | join(', ')) -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' ' ~ actions | join(', ')) -%}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__create_index_sql_of(relation, index) -%}
  {{ return('alter table ' ~ relation.render() ~ ' add ' ~ mysql_index_definition(index)) }}
{%- endmacro %}

{% macro mysql_index_definition(index) -%}
  {%- set parts = [] -%}
  {%- for part in index.parts -%}
    {%- set key = part.expression or adapter.quote(part.column) ~ ('(' ~ part.prefix ~ ')' if part.prefix else '') -%}
    {%- do parts.append(key ~ (' desc' if part.descending else '')) -%}
  {%- endfor -%}
  {{ return(('unique ' if index.unique else '') ~ (index.kind ~ ' ' if index.kind else '') ~ 'index ' ~ adapter.quote(index.name)
            ~ (' using ' ~ index.using if index.using else '') ~ ' (' ~ parts | join(', ') ~ ') comment ' ~ adapter.literal(index.comment)) }}
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
