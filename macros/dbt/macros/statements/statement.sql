{# Runs the SQL of the call block. The statement called `main` is the one that artifacts and messages speak of. #}
{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
  {%- if execute -%}
    {%- if language != 'sql' -%}
      {%- do exceptions.raise_compiler_error("statements in language `" ~ language ~ "` are not supported: only SQL runs here") -%}
    {%- endif -%}
    {%- set compiled_code = caller() -%}
    {%- if name == 'main' -%}
      {%- do write(compiled_code) -%}
    {%- endif -%}
    {%- set response, table = adapter.execute(compiled_code, auto_begin=auto_begin, fetch=fetch_result, statement=name) -%}
    {%- if name is not none -%}
      {%- do store_result(name, response=response, agate_table=table) -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}
