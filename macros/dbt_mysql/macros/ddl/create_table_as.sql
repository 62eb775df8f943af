{# With a contract the columns and constraints are declared first and filled then: a foreign key cannot be declared
   together with a query. Without one the SQL stands bare: a WITH in parentheses is refused. #}
{% macro mysql__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {%- if not adapter.capabilities.create_table_as and not (contract and contract.enforced) -%}
    {%- do return((sql_header or '') ~ mysql_create_and_fill_sql(temporary, relation, sql)) -%}
  {%- endif -%}
{{ sql_header if sql_header is not none }}
  {%- if contract and contract.enforced and not temporary %}
  {{ get_assert_columns_equivalent(sql) }}
create table {{ relation }} {{ get_table_columns_and_constraints() }} {{ adapter.create_table_options() }};
insert into {{ relation }} ({{ get_column_names() }})
{{ get_select_subquery(sql) }}
  {%- else %}
{{ mysql_create_table_of_query(temporary, relation, sql) }}
  {%- endif -%}
{%- endmacro %}
