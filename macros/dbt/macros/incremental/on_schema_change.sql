{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
  {%- set known = ['ignore', 'fail', 'append_new_columns', 'sync_all_columns'] -%}
  {%- if not on_schema_change -%}
    {%- do return(default) -%}
  {%- elif on_schema_change not in known -%}
    {%- do exceptions.warn('`on_schema_change: ' ~ on_schema_change ~ '` is not one of `' ~ known | join('`, `') ~ '`: `' ~ default ~ '` is used') -%}
    {%- do return(default) -%}
  {%- endif -%}
  {{ return(on_schema_change) }}
{% endmacro %}

{% macro check_for_schema_changes(source_relation, target_relation) %}
  {%- set source_columns = adapter.get_columns_in_relation(source_relation) -%}
  {%- set target_columns = adapter.get_columns_in_relation(target_relation) -%}
  {%- set source_not_in_target = diff_columns(source_columns, target_columns) -%}
  {%- set target_not_in_source = diff_columns(target_columns, source_columns) -%}
  {%- set new_target_types = diff_column_data_types(source_columns, target_columns) -%}
  {{ return({
    'schema_changed': (source_not_in_target or target_not_in_source or new_target_types) | length > 0,
    'source_not_in_target': source_not_in_target,
    'target_not_in_source': target_not_in_source,
    'source_columns': source_columns,
    'target_columns': target_columns,
    'new_target_types': new_target_types
  }) }}
{% endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- if on_schema_change == 'append_new_columns' -%}
    {%- if added -%}
      {%- do alter_relation_add_remove_columns(target_relation, added, none) -%}
    {%- endif -%}
  {%- elif on_schema_change == 'sync_all_columns' -%}
    {%- set removed = schema_changes_dict['target_not_in_source'] -%}
    {%- if added or removed -%}
      {%- do alter_relation_add_remove_columns(target_relation, added, removed) -%}
    {%- endif -%}
    {%- for change in schema_changes_dict['new_target_types'] -%}
      {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{# Brings the target in line as the config says. Gives the columns to insert; an empty dict means: the target's own. #}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {%- if on_schema_change == 'ignore' -%}
    {%- do return({}) -%}
  {%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] -%}
    {%- if on_schema_change == 'fail' -%}
      {%- do exceptions.raise_compiler_error(
        'the columns of ' ~ target_relation.render() ~ ' and of this run differ, and `on_schema_change` is `fail`; only in this run: '
        ~ (get_list_of_column_names(changes['source_not_in_target']) | join(', ') or 'none') ~ '; only in the table: '
        ~ (get_list_of_column_names(changes['target_not_in_source']) | join(', ') or 'none') ~ '; of another type: '
        ~ (changes['new_target_types'] | map(attribute='column_name') | join(', ') or 'none')
        ~ '; run it with `--full-refresh`, or change the config') -%}
    {%- endif -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {{ return(changes['source_columns']) }}
{% endmacro %}
