{% materialization snapshot, default %}
  {%- set target_exists, target_relation = get_or_create_relation(database=this.database, schema=this.schema, identifier=this.identifier, type='table') -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}
  {%- if not adapter.capabilities.transactions -%}
    {%- do adapter.refuse('not-supported', 'snapshots need transactions, which ' ~ adapter.capabilities.product ~ ' does not have') -%}
  {%- endif -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set staging_relation = none -%}

  {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
  {%- do drop_leftover_relations(target_relation) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

  {%- set strategy_macro = strategy_dispatch(config.get('strategy')) -%}
  {%- set strategy = strategy_macro(model, 'snapshotted_data', 'source_data', model['config'], target_exists) -%}

  {%- if not target_exists -%}
    {%- set build_sql = build_snapshot_table(strategy, sql) -%}
    {%- if strategy.hard_deletes in ['invalidate', 'new_record'] -%}
      {%- do check_time_data_types(build_sql) -%}
    {%- endif -%}
    {%- do build_table(target_relation, none, build_sql) -%}
  {%- else -%}
    {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, snapshot_column_names(), strategy) -%}
    {%- do create_strategy_indexes(target_relation) -%}
    {%- set staging_relation = build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- do widen_columns(staging_relation, target_relation) -%}
    {%- set internal = ['dbt_change_type'] + unique_key_names(strategy.unique_key) -%}
    {%- set missing = [] -%}
    {%- for column in adapter.get_missing_columns(staging_relation, target_relation) if column.name | lower not in internal -%}
      {%- do missing.append(column) -%}
    {%- endfor -%}
    {%- do create_columns(target_relation, missing) -%}
    {%- do apply_table_options(target_relation, stays=true) -%}
    {%- do reconcile_indexes(target_relation) -%}
    {%- if not adapter.capabilities.transactional_ddl -%}
      {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(target_exists, full_refresh_mode=false)) -%}
      {%- set grant_config = none -%}
      {%- do persist_docs(target_relation, model) -%}
    {%- endif -%}
    {%- do make_partitions(target_relation, staging_relation) -%}
    {%- set insert_cols = [] -%}
    {%- for column in adapter.get_columns_in_relation(staging_relation) if column.name | lower not in internal -%}
      {%- do insert_cols.append(column.quoted) -%}
    {%- endfor -%}
    {%- do adapter.begin() -%}
    {%- call statement('main') -%}
      {{ snapshot_merge_sql(target=target_relation, source=staging_relation, insert_cols=insert_cols) }}
    {%- endcall -%}
    {%- do adapter.audit(target_relation) -%}
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(target_exists, full_refresh_mode=false)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- do run_hooks(post_hooks, inside_transaction=true) -%}
  {%- do adapter.commit() -%}
  {%- if staging_relation is not none -%}
    {%- do post_snapshot(staging_relation) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=false) -%}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
