{% macro mysql__validate_sql(sql) -%}
  {%- call statement('validate_sql', fetch_result=true) -%}
    explain {{ sql }}
  {%- endcall -%}
  {{ return(load_result('validate_sql')) }}
{%- endmacro %}
