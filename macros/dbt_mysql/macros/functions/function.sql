{#- MariaDB replaces a function in one step. MySQL has no such statement: between the two a reader can miss it. -#}
{% macro mysql__function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- if not adapter.capabilities.create_or_replace_function -%}
    {%- do run_query('drop function if exists ' ~ target_relation.render()) -%}
  {%- endif -%}
  {{ return(default__function_execute_build_sql(build_sql, existing_relation, target_relation)) }}
{%- endmacro %}

{% macro mysql__scalar_function_create_replace_signature_sql(target_relation) -%}
create{{ ' or replace' if adapter.capabilities.create_or_replace_function }} function {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }})
returns {{ model.returns.data_type }}
{{ scalar_function_volatility_sql() }}
reads sql data
{%- endmacro %}

{% macro mysql__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments if argument.default_value is not none -%}
    {%- do exceptions.raise_compiler_error("argument `" ~ argument.name ~ "` of function `" ~ model.name ~ "` has a default value, which functions of MySQL and MariaDB cannot have") -%}
  {%- endfor -%}
  {{ return(default__formatted_scalar_function_args_sql()) }}
{%- endmacro %}

{% macro mysql__scalar_function_volatility_sql() -%}
  {{ 'deterministic' if config.get('volatility') == 'deterministic' else 'not deterministic' }}
{%- endmacro %}

{% macro mysql__scalar_function_body_sql() -%}
return (
{{ model.compiled_code }}
)
{%- endmacro %}
