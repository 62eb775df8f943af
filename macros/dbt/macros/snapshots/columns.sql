{# The names of the columns that snapshots add. #}
{% macro get_snapshot_table_column_names() %}
  {{ return(adapter.dispatch('get_snapshot_table_column_names', 'dbt')()) }}
{% endmacro %}

{% macro default__get_snapshot_table_column_names() %}
  {{ return({
    'dbt_valid_from': 'dbt_valid_from',
    'dbt_valid_to': 'dbt_valid_to',
    'dbt_scd_id': 'dbt_scd_id',
    'dbt_updated_at': 'dbt_updated_at',
    'dbt_is_deleted': 'dbt_is_deleted'
  }) }}
{% endmacro %}

{# Those names, with what the config `snapshot_meta_column_names` changes. #}
{% macro snapshot_column_names() %}
  {%- set names = get_snapshot_table_column_names() -%}
  {%- set configured = config.get('snapshot_meta_column_names') or {} -%}
  {%- for key in names | list if configured[key] -%}
    {%- do names.update({key: configured[key]}) -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{% macro create_columns(relation, columns) %}
  {{ return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) }}
{% endmacro %}

{% macro default__create_columns(relation, columns) %}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ column.quoted }} {{ column.data_type }}
    {%- endcall -%}
  {%- endfor -%}
{% endmacro %}
