{# `modify` sets the whole definition anew: what is not said again is lost. #}
{% macro mysql__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set is_text = api.Column.create('new', new_column_type).is_string() -%}
  {%- set kept = namespace(sql='') -%}
  {%- for row in run_query(adapter.dispatch('get_column_definitions_sql', 'dbt')(relation)).rows if row[0] | lower == column_name | lower -%}
    {%- set kept.sql = (row['characters'] if is_text else '') ~ row['attributes'] ~ (' comment ' ~ adapter.literal(row['comment']) if row['comment'] else '') -%}
  {%- endfor -%}
  {%- do mysql_alter_shards(relation, 'modify column ' ~ adapter.quote(column_name) ~ ' ' ~ new_column_type ~ kept.sql) -%}
  {%- call statement('alter_column_type') -%}
    alter table {{ relation.render() }} modify column {{ adapter.quote(column_name) }} {{ new_column_type }}{{ kept.sql }}
  {%- endcall -%}
{%- endmacro %}

{# Only types that do not hold the new values change; those that are wider already stay as they are. #}
{% macro mysql__diff_column_data_types(source_columns, target_columns) %}
  {%- set sources = {} -%}
  {%- for column in source_columns -%}
    {%- do sources.update({column.name | lower: column}) -%}
  {%- endfor -%}
  {%- set changed = [] -%}
  {%- for column in target_columns if column.name | lower in sources -%}
    {%- set source = sources[column.name | lower] -%}
    {%- set new_type = column.type_with(source) or source.data_type -%}
    {%- if new_type != column.data_type -%}
      {%- do changed.append({'column_name': column.name, 'new_type': new_type}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(changed) }}
{% endmacro %}
