{# Puts a finished relation in the place of the target. Readers see the old or the new one: the whole swap is one
   transaction, or one statement. Gives what was there, under its backup name, to be dropped after the commit; or none. #}
{% macro swap_relations(intermediate_relation, target_relation, existing_relation) %}
  {{ return(adapter.dispatch('swap_relations', 'dbt')(intermediate_relation, target_relation, existing_relation)) }}
{% endmacro %}

{% macro default__swap_relations(intermediate_relation, target_relation, existing_relation) %}
  {%- set backup_relation = none -%}
  {%- if existing_relation is not none -%}
    {%- set backup_relation = make_backup_relation(target_relation, existing_relation.type) -%}
    {%- do adapter.rename_relation(existing_relation, backup_relation) -%}
  {%- endif -%}
  {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}
  {%- do return(backup_relation) -%}
{% endmacro %}

{# Builds a table with `sql` and puts it in place. Gives the backup that is to be dropped after the commit, or none. #}
{% macro build_table(target_relation, existing_relation, sql) %}
  {{ return(adapter.dispatch('build_table', 'dbt')(target_relation, existing_relation, sql)) }}
{% endmacro %}

{% macro default__build_table(target_relation, existing_relation, sql) %}
  {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
  {%- do adapter.drop_on_failure(intermediate_relation) -%}
  {%- call statement('main') -%}
    {{ get_build_table_sql(intermediate_relation, existing_relation, sql) }}
  {%- endcall -%}
  {%- do apply_table_options(intermediate_relation) -%}
  {%- do create_indexes(intermediate_relation) -%}
  {%- do persist_docs(intermediate_relation, model) -%}
  {%- do create_strategy_indexes(intermediate_relation) -%}
  {%- do check_contract(intermediate_relation) -%}
  {%- do check_references(intermediate_relation, existing_relation) -%}
  {%- do adapter.audit(intermediate_relation) -%}
  {%- do return(swap_relations(intermediate_relation, target_relation, existing_relation)) -%}
{% endmacro %}

{# The SQL that makes the whole table of a model, beside the one that is there. #}
{% macro get_build_table_sql(relation, existing_relation, sql) %}
  {{ return(adapter.dispatch('get_build_table_sql', 'dbt')(relation, existing_relation, sql)) }}
{% endmacro %}

{% macro default__get_build_table_sql(relation, existing_relation, sql) %}
  {%- if config.get('spider') -%}
    {%- do exceptions.warn('`' ~ model.name ~ '` is not spread over servers: ' ~ adapter.capabilities.product ~ ' has no engine Spider') -%}
  {%- endif -%}
  {{ return(get_create_table_as_sql(false, relation, sql)) }}
{% endmacro %}
