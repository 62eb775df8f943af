{# The old relation is dropped, not renamed: DuckDB cannot rename a table that has indexes. The transaction keeps the
   drop from readers until the new one is there. #}
{% macro duckdb__swap_relations(intermediate_relation, target_relation, existing_relation) %}
  {%- do drop_relation_if_exists(existing_relation) -%}
  {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}
  {%- do return(none) -%}
{% endmacro %}

{# A table takes the place of a table in one statement; indexes come last, because they would block a rename. #}
{% macro duckdb__build_table(target_relation, existing_relation, sql) %}
  {%- set replaces_view = existing_relation is not none and not existing_relation.is_table -%}
  {%- set built_relation = make_intermediate_relation(target_relation) if replaces_view else target_relation -%}
  {%- call statement('main') -%}
    {{ get_build_table_sql(built_relation, existing_relation, sql) }}
  {%- endcall -%}
  {%- do check_contract(built_relation) -%}
  {%- do adapter.audit(built_relation) -%}
  {%- if replaces_view -%}
    {%- do swap_relations(built_relation, target_relation, existing_relation) -%}
  {%- endif -%}
  {%- do apply_table_options(target_relation) -%}
  {%- do create_indexes(target_relation) -%}
  {%- do return(none) -%}
{% endmacro %}
