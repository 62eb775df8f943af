{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
  {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{% macro default__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if for_relation and config.persist_relation_docs() and model.description -%}
    {%- do run_query(alter_relation_comment(relation, model.description)) -%}
  {%- endif -%}
  {%- if for_columns and config.persist_column_docs() and model.columns -%}
    {%- set comments = alter_column_comment(relation, model.columns) -%}
    {%- if comments and comments | trim -%}
      {%- do run_query(comments) -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro alter_relation_comment(relation, relation_comment) -%}
  {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{%- endmacro %}

{% macro default__alter_relation_comment(relation, relation_comment) -%}
  comment on {{ relation.type }} {{ relation.render() }} is {{ string_literal(escape_single_quotes(relation_comment)) }}
{%- endmacro %}

{% macro alter_column_comment(relation, column_dict) -%}
  {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{%- endmacro %}

{# Only columns that exist are commented: a description may be ahead of the model. #}
{% macro default__alter_column_comment(relation, column_dict) -%}
  {%- set existing = {} -%}
  {%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- do existing.update({column.name | lower: column.name}) -%}
  {%- endfor -%}
  {%- for name, column in column_dict.items() if column.description and name | lower in existing %}
  comment on column {{ relation.render() }}.{{ adapter.quote(existing[name | lower]) }} is {{ string_literal(escape_single_quotes(column.description)) }};
  {%- endfor -%}
{%- endmacro %}
