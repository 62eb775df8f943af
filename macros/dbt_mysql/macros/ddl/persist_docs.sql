{# Views cannot carry comments here: their descriptions stay in the docs. A table that is built anew has its comments before
   readers see it, and nothing is sent where they are right already: an `alter table` needs the table for itself. The
   comment of a Spider table says where its rows are. #}
{% macro mysql__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if relation.is_view -%}
    {%- if config.persist_relation_docs() or config.persist_column_docs() -%}
      {%- do log('comments of ' ~ relation.render() ~ ' stay in the docs: views here have none') -%}
    {%- endif -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- if config.get('spider') and for_relation and config.persist_relation_docs() and model.description -%}
    {%- do exceptions.warn('the description of `' ~ model.name ~ '` is not kept with its table: the comment of a Spider table says where its rows are') -%}
    {%- set for_relation = false -%}
  {%- endif -%}
  {%- if for_relation and config.persist_relation_docs() and model.description -%}
    {%- set current = run_query("select table_comment from information_schema.tables where table_schema = " ~ adapter.literal(relation.schema)
                                ~ " and table_name = " ~ adapter.literal(relation.identifier)).rows -%}
    {%- if not current or current[0][0] != model.description[:2048] -%}
      {%- do run_query(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
  {%- endif -%}
  {{ return(default__persist_docs(relation, model, false, for_columns)) }}
{%- endmacro %}

{# The longest comments that the servers take have 2048 and 1024 characters. #}
{% macro mysql__alter_relation_comment(relation, relation_comment) -%}
  alter table {{ relation.render() }} comment = {{ adapter.literal(relation_comment[:2048]) }}
{%- endmacro %}

{# A comment can only be set together with the whole definition of the column, so that is read first and written back.
   Generated columns are left alone: writing one back would compute it anew. #}
{% macro mysql__alter_column_comment(relation, column_dict) -%}
  {%- set comments = {} -%}
  {%- for name, column in column_dict.items() if column.description -%}
    {%- do comments.update({name | lower: column.description[:1024]}) -%}
  {%- endfor -%}
  {%- set definitions = run_query(adapter.dispatch('get_column_definitions_sql', 'dbt')(relation)) -%}
  {%- set changes = [] -%}
  {%- for row in definitions.rows if row[0] | lower in comments and row['comment'] != comments[row[0] | lower] -%}
    {%- do changes.append('modify column ' ~ adapter.quote(row[0]) ~ ' ' ~ row[1] ~ ' comment ' ~ adapter.literal(comments[row[0] | lower])) -%}
  {%- endfor -%}
  {%- if changes -%}
  alter table {{ relation.render() }} {{ changes | join(', ') }}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__get_column_definitions_sql(relation) -%}
  {{ mysql_column_definitions_sql(relation, "case when extra like '%DEFAULT_GENERATED%' then concat(' default (', column_default, ')') else concat(' default ', quote(column_default)) end") }}
{%- endmacro %}

{# MariaDB's catalog has the default as SQL, `NULL` included. #}
{% macro mariadb__get_column_definitions_sql(relation) -%}
  {{ mysql_column_definitions_sql(relation, "concat(' default ', column_default)") }}
{%- endmacro %}

{# `definition` is the type with all that belongs to it but the comment; `characters` and `attributes` are its parts. #}
{% macro mysql_column_definitions_sql(relation, default_sql) -%}
  select column_name as name, concat(column_type, characters, attributes) as definition, characters, attributes, comment
  from (
    select
      column_name,
      column_type,
      column_comment as comment,
      ordinal_position,
      coalesce(concat(' character set ', character_set_name, ' collate ', collation_name), '') as characters,
      concat(
        if(is_nullable = 'YES', ' null', ' not null'),
        if(column_default is null, '', {{ default_sql }}),
        if(extra like '%auto_increment%', ' auto_increment', ''),
        if(extra like '%on update current_timestamp%', concat(' on update current_timestamp(', coalesce(datetime_precision, 0), ')'), '')
      ) as attributes
    from information_schema.columns
    where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
      and coalesce(generation_expression, '') = ''
  ) as dbt_columns
  order by ordinal_position
{%- endmacro %}
