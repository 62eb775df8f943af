{% macro duckdb__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {%- set name = relation.include(database=(not temporary), schema=(not temporary)) -%}
{{ sql_header if sql_header is not none }}
  {%- if contract and contract.enforced and not temporary %}
  {{ get_assert_columns_equivalent(sql) }}
create or replace table {{ name }} {{ get_table_columns_and_constraints() }};
insert into {{ name }} ({{ get_column_names() }})
{{ get_select_subquery(sql) }}
  {%- else %}
create or replace {% if temporary %}temporary {% endif %}table {{ name }} as
{{ sql }}
  {%- endif -%}
{%- endmacro %}
