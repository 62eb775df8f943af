{# What a table is to be beside its rows: config `primary_key`, `partition_by`, `engine`, `row_format`, `charset` and
   `collation`. Most of it stands in the statement that makes the table; this does or tells the rest, of a new table or
   (`stays`) of one that new rows are about to go to. #}
{% macro apply_table_options(relation, stays=false) -%}
  {{ return(adapter.dispatch('apply_table_options', 'dbt')(relation, stays)) }}
{%- endmacro %}

{% macro default__apply_table_options(relation, stays) -%}
{%- endmacro %}

{# Makes the partitions that rows on their way need. Commits where DDL does, so it comes before the transaction. #}
{% macro make_partitions(relation, rows) -%}
  {{ return(adapter.dispatch('make_partitions', 'dbt')(relation, rows)) }}
{%- endmacro %}

{% macro default__make_partitions(relation, rows) -%}
{%- endmacro %}

{# Whether a seed that is there is loaded beside itself and put in place, as with `--full-refresh`. #}
{% macro seed_is_made_anew() -%}
  {{ return(adapter.dispatch('seed_is_made_anew', 'dbt')()) }}
{%- endmacro %}

{% macro default__seed_is_made_anew() -%}
  {{ return(false) }}
{%- endmacro %}

{# The key that the table gets by config; a contract declares its own. #}
{% macro configured_primary_key() -%}
  {%- set contract = config.get('contract') -%}
  {%- set key = config.get('primary_key') -%}
  {%- if not key or (contract and contract.enforced) -%}
    {%- do return([]) -%}
  {%- endif -%}
  {{ return([key] if key is string else key) }}
{%- endmacro %}

{# A table for rows on their way to another one: it has no partitions and no key of its own. #}
{% macro create_staging_table(relation, sql) -%}
  {%- do adapter.staging(true) -%}
  {%- do run_query(get_create_table_as_sql(adapter.capabilities.transactional_ddl, relation, sql)) -%}
  {%- do adapter.staging(false) -%}
{%- endmacro %}
