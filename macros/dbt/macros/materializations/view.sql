{% materialization view, default %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set backup_relation = none -%}

  {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
  {%- do drop_leftover_relations(target_relation) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

  {%- set is_tested = config.get('publish', 'immediately') | lower == 'tested' -%}
  {%- if not is_tested and (existing_relation is none or existing_relation.is_view) -%}
    {%- call statement('main') -%}
      {{ get_create_view_as_sql(target_relation, sql) }}
    {%- endcall -%}
  {%- else -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
    {%- do adapter.drop_on_failure(intermediate_relation) -%}
    {%- call statement('main') -%}
      {{ get_create_view_as_sql(intermediate_relation, sql) }}
    {%- endcall -%}
    {%- do adapter.audit(intermediate_relation) -%}
    {%- set backup_relation = swap_relations(intermediate_relation, target_relation, existing_relation) -%}
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=true)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- do run_hooks(post_hooks, inside_transaction=true) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(backup_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=false) -%}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
