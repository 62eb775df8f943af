{# All but `append` are several statements that have to take effect together, and most find rows by a join. #}
{% macro mysql__supported_incremental_strategies() %}
  {%- if not (adapter.capabilities.transactions and adapter.capabilities.joined_changes) -%}
    {%- do return(['append']) -%}
  {%- endif -%}
  {{ return(['append', 'delete+insert', 'merge', 'insert_overwrite', 'microbatch']) }}
{% endmacro %}

{# Made on the table that is about to be published, so that the first increment finds it. #}
{% macro mysql__create_strategy_indexes(relation) %}
  {%- if model.resource_type == 'snapshot' -%}
    {%- do mysql_create_snapshot_indexes(relation) -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- set lookup = config.get('event_time') if strategy == 'microbatch' else config.get('unique_key') -%}
  {%- if model.config.materialized == 'incremental' and lookup and strategy in ['default', 'delete+insert', 'merge', 'microbatch'] -%}
    {%- set keys = mysql_required_keys(relation, none, lookup) if strategy == 'merge' else mysql_key_columns(relation, none, lookup) -%}
    {%- if keys is not none -%}
      {%- set indexes = mysql_indexes(relation) -%}
      {%- set predicates = config.get('predicates') or config.get('incremental_predicates') -%}
      {%- set unique = strategy == 'merge' and mysql_merges_by_upsert(keys, indexes, predicates) -%}
      {%- do mysql_ensure_key_index(relation, keys, indexes, unique) -%}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{# The id of a version, by which it is closed, and the key of a row, by which its open version is found. Neither is unique:
   a row that was deleted and comes back unchanged has its old id. #}
{% macro mysql_create_snapshot_indexes(relation) %}
  {%- set indexes = mysql_indexes(relation) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- for name, columns in [(none, snapshot_column_names().dbt_scd_id), ('headwater_row_key', unique_key)] -%}
    {%- set keys = mysql_key_columns(relation, none, columns) -%}
    {%- if keys is not none -%}
      {%- do mysql_ensure_key_index(relation, keys, indexes, unique=false, name=name) -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}
