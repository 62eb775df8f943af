{#- A function of the user's own is replaced as a whole. -#}
{% materialization function, default, supported_languages=['sql'] %}
  {%- set target_relation = this -%}
  {%- if config.get('grants') -%}
    {%- do exceptions.raise_not_implemented("`grants` of function `" ~ model.name ~ "` are not supported: grant in a post-hook") -%}
  {%- endif -%}

  {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

  {%- set kind = config.get('type', 'scalar') -%}
  {%- if kind == 'aggregate' -%}
    {%- set build_sql = aggregate_function_sql(target_relation) -%}
  {%- elif kind == 'table' -%}
    {%- set build_sql = table_function_sql(target_relation) -%}
  {%- else -%}
    {%- set build_sql = scalar_function_sql(target_relation) -%}
  {%- endif -%}
  {%- do function_execute_build_sql(build_sql, none, target_relation) -%}

  {%- do run_hooks(post_hooks, inside_transaction=true) -%}
  {%- do adapter.commit() -%}
  {%- do run_hooks(post_hooks, inside_transaction=false) -%}

  {{ return({'relations': []}) }}
{% endmaterialization %}

{% macro function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {{ return(adapter.dispatch('function_execute_build_sql', 'dbt')(build_sql, existing_relation, target_relation)) }}
{%- endmacro %}

{% macro default__function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- call statement('main') -%}
    {{ build_sql }}
  {%- endcall -%}
{%- endmacro %}

{% macro scalar_function_sql(target_relation) -%}
  {{ return(adapter.dispatch('scalar_function_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__scalar_function_sql(target_relation) -%}
{{ scalar_function_create_replace_signature_sql(target_relation) }}
{{ scalar_function_body_sql() }}
{%- endmacro %}

{% macro scalar_function_create_replace_signature_sql(target_relation) -%}
  {{ return(adapter.dispatch('scalar_function_create_replace_signature_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__scalar_function_create_replace_signature_sql(target_relation) -%}
create or replace function {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }})
returns {{ model.returns.data_type }}
{{ scalar_function_volatility_sql() }}
{%- endmacro %}

{% macro formatted_scalar_function_args_sql() -%}
  {{ return(adapter.dispatch('formatted_scalar_function_args_sql', 'dbt')()) }}
{%- endmacro %}

{% macro default__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments -%}
    {{ argument.name }} {{ argument.data_type }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro scalar_function_volatility_sql() -%}
  {{ return(adapter.dispatch('scalar_function_volatility_sql', 'dbt')()) }}
{%- endmacro %}

{% macro default__scalar_function_volatility_sql() -%}
  {%- set words = {'deterministic': 'immutable', 'stable': 'stable', 'non-deterministic': 'volatile'} -%}
  {{ words.get(config.get('volatility'), '') }}
{%- endmacro %}

{% macro scalar_function_body_sql() -%}
  {{ return(adapter.dispatch('scalar_function_body_sql', 'dbt')()) }}
{%- endmacro %}

{% macro default__scalar_function_body_sql() -%}
as $$
{{ model.compiled_code }}
$$ language sql
{%- endmacro %}

{% macro table_function_sql(target_relation) -%}
  {{ return(adapter.dispatch('table_function_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__table_function_sql(target_relation) -%}
  {%- do exceptions.raise_not_implemented("function `" ~ model.name ~ "` gives a table, which functions of " ~ adapter.type() ~ " cannot: make it a model or an ephemeral model") -%}
{%- endmacro %}

{% macro aggregate_function_sql(target_relation) -%}
  {{ return(adapter.dispatch('aggregate_function_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__aggregate_function_sql(target_relation) -%}
  {%- do exceptions.raise_not_implemented("function `" ~ model.name ~ "` is an aggregate, which cannot be written in SQL for " ~ adapter.type() ~ ": use the aggregates of the database in a scalar function or a macro") -%}
{%- endmacro %}
