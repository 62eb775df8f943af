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
    {{ get_create_table_as_sql(false, intermediate_relation, sql) }}
  {%- endcall -%}
  {%- do create_indexes(intermediate_relation) -%}
  {%- do create_strategy_indexes(intermediate_relation) -%}
  {%- do check_contract(intermediate_relation) -%}
  {%- do check_references(intermediate_relation, existing_relation) -%}
  {%- do adapter.audit(intermediate_relation) -%}
  {%- do return(swap_relations(intermediate_relation, target_relation, existing_relation)) -%}
{% endmacro %}
