{# With a contract the columns and constraints are declared, and `select` fills them by name. The SQL stands bare: a
   WITH in parentheses is refused. #}
{% macro mysql__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {%- set select_sql = sql -%}
{{ sql_header if sql_header is not none }}
create {% if temporary %}temporary {% endif %}table {{ relation }}
  {%- if contract and contract.enforced and not temporary %}
    {%- set select_sql = get_select_subquery(sql) %}
  {{ get_assert_columns_equivalent(sql) }}
  {{ get_table_columns_and_constraints() }}
  {%- endif %} {{ adapter.create_table_options() }} as
{{ select_sql }}
{%- endmacro %}
