{# The rows of an existing seed are replaced inside one transaction. A new or fully refreshed one is loaded in place
   where DDL is transactional, else beside the target and swapped in: readers never see an empty or partial table. #}
{% materialization seed, default %}
  {%- set full_refresh_mode = should_full_refresh() or seed_is_made_anew() -%}
  {%- set old_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set backup_relation = none -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set agate_table = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
  {%- do drop_leftover_relations(target_relation) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

  {%- if old_relation is not none and old_relation.is_view -%}
    {%- do exceptions.raise_compiler_error('cannot seed ' ~ this.render() ~ ': it is a view') -%}
  {%- elif old_relation is not none and not full_refresh_mode -%}
    {%- do apply_table_options(target_relation, stays=true) -%}
    {%- do reconcile_indexes(target_relation) -%}
    {%- if not adapter.capabilities.transactional_ddl -%}
      {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(old_relation, full_refresh_mode)) -%}
      {%- set grant_config = none -%}
      {%- do persist_docs(target_relation, model) -%}
    {%- endif -%}
    {%- do adapter.begin() -%}
    {%- set create_table_sql = reset_csv_table(model, full_refresh_mode, old_relation, agate_table) -%}
    {%- set sql = load_csv_rows(model, agate_table) -%}
    {%- do adapter.audit(target_relation) -%}
  {%- elif adapter.capabilities.transactional_ddl -%}
    {%- do adapter.begin() -%}
    {%- set create_table_sql = reset_csv_table(model, full_refresh_mode, old_relation, agate_table) if old_relation is not none else create_csv_table(model, agate_table) -%}
    {%- set sql = load_csv_rows(model, agate_table) -%}
    {%- do apply_table_options(target_relation) -%}
    {%- do create_indexes(target_relation) -%}
    {%- do adapter.audit(target_relation) -%}
  {%- else -%}
    {%- set shadow_relation = make_intermediate_relation(target_relation) -%}
    {%- do adapter.drop_on_failure(shadow_relation) -%}
    {%- set create_table_sql = get_create_csv_table_sql(shadow_relation, model, agate_table) -%}
    {%- call statement('create_csv_table') -%}
      {{ create_table_sql }}
    {%- endcall -%}
    {%- set sql = insert_csv_rows(shadow_relation, agate_table, get_batch_size()) -%}
    {%- do apply_table_options(shadow_relation) -%}
    {%- do create_indexes(shadow_relation) -%}
    {%- do persist_docs(shadow_relation, model) -%}
    {%- do adapter.audit(shadow_relation) -%}
    {%- set backup_relation = swap_relations(shadow_relation, target_relation, old_relation) -%}
  {%- endif -%}

  {%- set code = 'CREATE' if full_refresh_mode else 'INSERT' -%}
  {%- set rows_affected = agate_table.rows | length -%}
  {%- call noop_statement('main', code ~ ' ' ~ rows_affected, code, rows_affected) -%}
    {{ get_csv_sql(create_table_sql, sql) }}
  {%- endcall -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(old_relation, full_refresh_mode)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- do run_hooks(post_hooks, inside_transaction=true) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(backup_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=false) -%}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
