{# First run and full refresh build a whole table and swap it in. Otherwise the new rows go to a table of their own, and
   the strategy moves them over in one transaction; everything that would commit by itself happens before it. #}
{% materialization incremental, default %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set full_refresh_mode = should_full_refresh() or (existing_relation is not none and not existing_relation.is_table) -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- do validate_incremental_strategy(strategy) -%}
  {%- set strategy_sql = adapter.get_incremental_strategy_macro(context, strategy) -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set to_drop = none -%}
  {%- set relaxed = false -%}

  {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
  {%- set temp_relation = make_temp_relation(target_relation, incremental_temp_suffix()) -%}
  {%- do drop_leftover_relations(target_relation) -%}
  {%- if model.batch is defined and not adapter.capabilities.transactional_ddl -%}
    {%- do drop_relation_if_exists(load_cached_relation(temp_relation)) -%}
  {%- endif -%}
  {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

  {%- if existing_relation is none or full_refresh_mode -%}
    {%- set to_drop = build_table(target_relation, existing_relation, sql) -%}
  {%- else -%}
    {%- set to_drop = temp_relation -%}
    {%- do adapter.drop_on_failure(to_drop) -%}
    {%- do create_staging_table(to_drop, sql) -%}
    {%- set contract = config.get('contract') -%}
    {%- if contract and contract.enforced and adapter.capabilities.transactional_ddl -%}
      {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    {%- if not contract or not contract.enforced -%}
      {%- do adapter.expand_target_column_types(from_relation=to_drop, to_relation=target_relation) -%}
    {%- endif -%}
    {%- set dest_columns = process_schema_changes(on_schema_change, to_drop, existing_relation) or adapter.get_columns_in_relation(existing_relation) -%}
    {%- do apply_table_options(target_relation, stays=true) -%}
    {%- do reconcile_indexes(target_relation) -%}
    {%- set dest_columns = contract_dest_columns(dest_columns) -%}
    {%- do reconcile_contract(existing_relation) -%}
    {%- if not adapter.capabilities.transactional_ddl -%}
      {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode)) -%}
      {%- set grant_config = none -%}
      {%- do persist_docs(target_relation, model) -%}
    {%- endif -%}
    {%- if strategy != 'insert_overwrite' -%}
      {%- do make_partitions(target_relation, to_drop) -%}
    {%- endif -%}
    {%- set build_sql = strategy_sql({
      'target_relation': target_relation,
      'temp_relation': to_drop,
      'unique_key': config.get('unique_key'),
      'dest_columns': dest_columns,
      'incremental_predicates': config.get('predicates') or config.get('incremental_predicates')
    }) -%}
    {%- set relaxed = relax_references(existing_relation) -%}
    {%- do adapter.begin() -%}
    {%- call statement('main') -%}
      {{ build_sql }}
    {%- endcall -%}
    {%- do check_contract(target_relation, all=relaxed or not adapter.capabilities.alters_constraints) -%}
    {%- if relaxed -%}
      {%- do check_references(target_relation, existing_relation) -%}
    {%- endif -%}
    {%- do adapter.audit(target_relation) -%}
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- do run_hooks(post_hooks, inside_transaction=true) -%}
  {%- do adapter.commit() -%}
  {%- if relaxed -%}
    {%- do adapter.restore_references() -%}
  {%- endif -%}
  {%- do drop_relation_if_exists(to_drop) -%}
  {%- do run_hooks(post_hooks, inside_transaction=false) -%}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
