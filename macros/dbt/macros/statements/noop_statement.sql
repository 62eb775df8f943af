{# Records a result without sending anything: for work that has been done by other statements. #}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
  {%- set compiled_code = caller() -%}
  {%- if name == 'main' -%}
    {%- do write(compiled_code) -%}
  {%- endif -%}
  {%- if name is not none -%}
    {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
  {%- endif -%}
{%- endmacro %}
