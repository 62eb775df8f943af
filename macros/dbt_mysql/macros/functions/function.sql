{#-
  MariaDB replaces a function in one step. MySQL has no such statement: between drop and create a reader misses it. So the
  new one is made under another name first. That says, before anything is dropped, whether the server takes it and
  whether it is another function at all: one that has not changed is left alone, with what was granted on it.
-#}
{% macro mysql__function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- if adapter.capabilities.create_or_replace_function -%}
    {{ return(default__function_execute_build_sql(build_sql, existing_relation, target_relation)) }}
  {%- endif -%}
  {%- set trial_relation = make_intermediate_relation(target_relation) -%}
  {%- set trial_sql = build_sql.replace(target_relation.render(), trial_relation.render(), 1) -%}
  {#- A macro of the user's own may name its function in another way. -#}
  {%- if trial_sql != build_sql and mysql__function_definition(target_relation) is not none -%}
    {%- do run_query('drop function if exists ' ~ trial_relation.render()) -%}
    {%- do run_query(trial_sql) -%}
    {%- set unchanged = mysql__function_definition(trial_relation) == mysql__function_definition(target_relation) -%}
    {%- do run_query('drop function if exists ' ~ trial_relation.render()) -%}
    {%- if unchanged -%}
      {%- call noop_statement('main', message='UNCHANGED', code='UNCHANGED', rows_affected=0) -%}
        {{ build_sql }}
      {%- endcall -%}
      {{ return(none) }}
    {%- endif -%}
  {%- endif -%}
  {%- do run_query('drop function if exists ' ~ target_relation.render()) -%}
  {{ return(default__function_execute_build_sql(build_sql, existing_relation, target_relation)) }}
{%- endmacro %}

{#- All that the server keeps of a function but its name: definer, types, body, sql_mode, character sets. None: no such function. -#}
{% macro mysql__function_definition(relation) -%}
  {%- set found -%}
    select routine_name
    from information_schema.routines
    where routine_type = 'FUNCTION'
      and routine_schema = {{ dbt.string_literal(relation.schema) }}
      and routine_name = {{ dbt.string_literal(relation.identifier) }}
  {%- endset -%}
  {%- if not run_query(found).rows -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set row = run_query('show create function ' ~ relation.render()).rows[0] -%}
  {#- Without the right to see it the definition is null, which is like no other. -#}
  {%- set create = (row[2] or '').replace('FUNCTION ' ~ adapter.quote(relation.identifier), 'FUNCTION', 1) -%}
  {{ return([row[1], create, row[3], row[4], row[5]]) }}
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
