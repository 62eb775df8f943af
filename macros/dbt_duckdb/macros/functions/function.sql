{#- A function written in SQL is a macro in DuckDB. Its arguments have no types; what it gives is cast to the one that is declared. -#}
{% macro duckdb__scalar_function_sql(target_relation) -%}
create or replace macro {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }}) as (
  cast((
{{ model.compiled_code }}
  ) as {{ model.returns.data_type }})
)
{%- endmacro %}

{% macro duckdb__table_function_sql(target_relation) -%}
create or replace macro {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }}) as table (
{{ model.compiled_code }}
)
{%- endmacro %}

{% macro duckdb__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments -%}
    {{ argument.name }}
    {%- if argument.default_value is not none %} := {{ string_literal(argument.default_value) if argument.default_value is string else argument.default_value }}{% endif -%}
    {{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}
