{% macro run_query(sql) %}
  {%- if execute -%}
    {%- call statement('run_query_statement', fetch_result=true, auto_begin=false) -%}
      {{ sql }}
    {%- endcall -%}
    {%- do return(load_result('run_query_statement').table) -%}
  {%- endif -%}
  {%- do return(none) -%}
{% endmacro %}
