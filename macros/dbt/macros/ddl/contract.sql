{# Contracts: the model's columns are compared with the declared ones, then declared in DDL. #}

{% macro get_assert_columns_equivalent(sql) -%}
  {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_assert_columns_equivalent(sql) -%}
  {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}

{# Names and types must agree; their order need not. All that differ are told at once, with their lines. #}
{% macro assert_columns_equivalent(sql) -%}
  {%- do adapter.assert_contract(sql, sql_header=config.get('sql_header', none)) -%}
{%- endmacro %}

{# What the server does not enforce is checked by queries on what was built, before anyone sees it. #}
{% macro check_contract(relation, all=false) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced -%}
    {%- do adapter.check_contract(relation, all=all) -%}
  {%- endif -%}
{%- endmacro %}

{# Gives a table that is there the constraints that were declared later, and takes away ours that no longer are. #}
{% macro reconcile_contract(relation) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced and adapter.capabilities.alters_constraints -%}
    {%- set clauses = adapter.reconcile_contract(relation) -%}
    {%- if clauses -%}
      {%- call statement('reconcile_contract') -%}
        alter table {{ relation.render() }}
          {{ clauses | join(',\n          ') }}
      {%- endcall -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{# Tables that foreign keys refer to: a new version must have the rows that children have, unless those are built anew. #}
{% macro check_references(new_relation, existing_relation) -%}
  {%- if existing_relation is not none and existing_relation.is_table and adapter.capabilities.enforces_foreign_key -%}
    {%- do adapter.check_references(new_relation, existing_relation) -%}
  {%- endif -%}
{%- endmacro %}

{# Rows that children refer to can be replaced in place only while nobody looks: afterwards everything is checked at once.
   Gives whether there are children. #}
{% macro relax_references(relation) -%}
  {{ return(adapter.capabilities.enforces_foreign_key and adapter.relax_references(relation)) }}
{%- endmacro %}

{# Columns that rows can be moved to: the table computes the others itself. #}
{% macro contract_dest_columns(dest_columns) -%}
  {%- set contract = config.get('contract') -%}
  {%- if not contract or not contract.enforced -%}
    {%- do return(dest_columns) -%}
  {%- endif -%}
  {%- set filled = adapter.contract_columns() | map('lower') | list -%}
  {%- set columns = [] -%}
  {%- for column in dest_columns if column.quoted | lower in filled -%}
    {%- do columns.append(column) -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro %}

{% macro format_columns(columns) -%}
  {%- set formatted = [] -%}
  {%- for column in columns -%}
    {%- do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) -%}
  {%- endfor -%}
  {{ return(formatted) }}
{%- endmacro %}

{% macro default__format_column(column) -%}
  {{ return({'name': column.name, 'data_type': column.dtype, 'formatted': column.column ~ ' ' ~ column.dtype}) }}
{%- endmacro %}

{% macro get_table_columns_and_constraints() -%}
  {{ return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_table_columns_and_constraints() -%}
  {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{% macro table_columns_and_constraints() -%}
(
  {{ adapter.contract_definitions() | join(',\n  ') }}
)
{%- endmacro %}

{# The columns in the declared order, whatever the model's own order is. #}
{% macro get_select_subquery(sql) -%}
  {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_select_subquery(sql) -%}
select {{ get_column_names() }}
from (
{{ sql }}
) as model_subq
{%- endmacro %}

{% macro get_column_names() -%}
  {{ return(adapter.dispatch('get_column_names', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_column_names() -%}
  {{ adapter.contract_columns() | join(', ') }}
{%- endmacro %}
