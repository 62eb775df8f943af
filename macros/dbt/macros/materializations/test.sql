{% materialization test, default %}
  {%- set relations = [] -%}
  {%- set main_sql = sql -%}

  {%- if should_store_failures() -%}
    {%- set store_failures_as = config.get('store_failures_as') or 'table' -%}
    {%- if store_failures_as not in ['table', 'view'] -%}
      {%- do exceptions.raise_compiler_error("`store_failures_as` is `" ~ store_failures_as ~ "`, but failures can only be stored as `table` or `view`") -%}
    {%- endif -%}
    {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
    {%- set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type=store_failures_as) -%}
    {%- do drop_relation_if_exists(old_relation) -%}
    {%- call statement(auto_begin=true) -%}
      {{ get_create_sql(target_relation, sql) }}
    {%- endcall -%}
    {%- do relations.append(target_relation) -%}
    {%- set main_sql = 'select * from ' ~ target_relation -%}
    {%- do adapter.commit() -%}
  {%- endif -%}

  {%- call statement('main', fetch_result=true, auto_begin=false) -%}
    {{ get_test_sql(main_sql, config.get('fail_calc') or 'count(*)', config.get('warn_if') or '!= 0', config.get('error_if') or '!= 0', config.get('limit')) }}
  {%- endcall -%}

  {{ return({'relations': relations}) }}
{% endmaterialization %}
