{# There is no MERGE. On a key that is unique by an index, it is one upsert. Where that would not say the same (a condition
   on the old rows, nulls that are equal, a second unique index) or cannot be had (keys no index can hold), missing rows
   are inserted and the others updated by a join, in one transaction. #}
{% macro mysql__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- if not unique_key -%}
    {%- do return(get_insert_into_sql(target, source, dest_columns)) -%}
  {%- endif -%}
  {%- set update_columns = mysql_merge_update_columns(dest_columns) -%}
  {%- set keys = mysql_required_keys(target, source, unique_key) -%}
  {%- set null_is_a_key = adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
  {%- do mysql_check_merge_source(source, keys, null_is_a_key) -%}
  {%- set indexes = mysql_indexes(target) -%}
  {%- if mysql_merges_by_upsert(keys, indexes, incremental_predicates) -%}
    {%- do mysql_ensure_key_index(target, keys, indexes, unique=true) -%}
    {%- do return(mysql_upsert_sql(target, source, keys, dest_columns, update_columns)) -%}
  {%- endif -%}
  {%- do mysql_ensure_key_index(target, keys, indexes, unique=false) -%}
  {{ return(mysql_insert_update_sql(target, source, keys, dest_columns, update_columns, incremental_predicates)) }}
{%- endmacro %}

{% macro mysql_merges_by_upsert(keys, indexes, incremental_predicates) -%}
  {{ return(adapter.capabilities.upsert == 'on_duplicate_key'
            and not incremental_predicates
            and not adapter.behavior.enable_truthy_nulls_equals_macro.no_warn
            and not mysql_other_unique_indexes(keys, indexes)
            and mysql_can_be_unique(keys, indexes)) }}
{%- endmacro %}

{% macro mysql_required_keys(target, source, unique_key) -%}
  {%- set keys = mysql_key_columns(target, source, unique_key) -%}
  {%- if keys is none -%}
    {%- set names = adapter.get_columns_in_relation(target) | map(attribute='name') | join('`, `') -%}
    {%- do adapter.refuse(
      'invalid-config',
      '`unique_key` of `' ~ model.name ~ '` is `' ~ (unique_key if unique_key is string else unique_key | join('`, `')) ~ '`, which `merge` cannot match rows on',
      notes=['the columns are `' ~ names ~ '`'],
      help='name columns, or select the expression as a column of its own'
    ) -%}
  {%- endif -%}
  {{ return(keys) }}
{%- endmacro %}

{# Two new rows of one key would make the result depend on their order. #}
{% macro mysql_check_merge_source(source, keys, null_is_a_key) -%}
  {%- set repeated, nulls = [], [] -%}
  {%- for row in run_query(mysql_repeated_keys_sql(source, keys)).rows -%}
    {%- if row['dbt_has_null'] | int == 1 and not null_is_a_key -%}
      {%- do nulls.append(row) -%}
    {%- elif row['dbt_rows'] > 1 -%}
      {%- do repeated.append(row) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if repeated -%}
    {%- do adapter.refuse(
      'duplicate-key',
      'several new rows of `' ~ model.name ~ '` have the same ' ~ mysql_key_names(keys) ~ ', so `merge` cannot tell which one stays',
      notes=[mysql_key_samples(repeated, keys)],
      help='select one row of each key, or set `incremental_strategy: delete+insert`, which keeps them all'
    ) -%}
  {%- elif nulls -%}
    {%- do exceptions.warn('new rows of `' ~ model.name ~ '` have a null in ' ~ mysql_key_names(keys) ~ ': they match no row, so `merge` adds them with every run') -%}
  {%- endif -%}
{%- endmacro %}

{# Quoted names of the columns that a matched row takes over. #}
{% macro mysql_merge_update_columns(dest_columns) -%}
  {%- set known = {} -%}
  {%- for column in dest_columns -%}
    {%- do known.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}
  {%- for config_name in ['merge_update_columns', 'merge_exclude_columns'] -%}
    {%- set names = config.get(config_name) or [] -%}
    {%- for name in ([names] if names is string else names) if name.strip('` ') | lower not in known -%}
      {%- do adapter.refuse(
        'invalid-config',
        '`' ~ config_name ~ '` of `' ~ model.name ~ '` names `' ~ name ~ '`, which is not one of its columns',
        notes=['the columns are `' ~ dest_columns | map(attribute='name') | join('`, `') ~ '`']
      ) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- set chosen = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set quoted = [] -%}
  {%- for name in ([chosen] if chosen is string else chosen) -%}
    {%- do quoted.append(known.get(name.strip('` ') | lower, name)) -%}
  {%- endfor -%}
  {{ return(quoted) }}
{%- endmacro %}

{% macro mysql_upsert_sql(target, source, keys, dest_columns, update_columns) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {#- Without a column to update a matched row is left as it is. -#}
  {%- set assignments = [] -%}
  {%- for column in update_columns -%}
    {%- do assignments.append(column ~ ' = values(' ~ column ~ ')') -%}
  {%- endfor -%}
insert into {{ target }} ({{ columns }})
select {{ columns }}
from {{ source }} as DBT_INTERNAL_SOURCE
on duplicate key update
    {{ assignments | join(',\n    ') if assignments else target ~ '.' ~ keys[0].quoted ~ ' = ' ~ target ~ '.' ~ keys[0].quoted }}
{%- endmacro %}

{# The insert comes first: after the update, an old row may no longer meet the condition that it was matched by. An
   inserted row that the update matches gets the values that it has. #}
{% macro mysql_insert_update_sql(target, source, keys, dest_columns, update_columns, incremental_predicates) -%}
  {%- set conditions = [] -%}
  {%- for key in keys -%}
    {%- do conditions.append(get_merge_unique_key_match(key.in_source, key.in_target) | trim) -%}
  {%- endfor -%}
  {%- for predicate in incremental_predicate_list(incremental_predicates) -%}
    {%- do conditions.append('(' ~ predicate ~ ')') -%}
  {%- endfor -%}
insert into {{ target }} ({{ get_quoted_csv(dest_columns | map(attribute='name')) }})
select {% for column in dest_columns %}DBT_INTERNAL_SOURCE.{{ column.quoted }}{{ ', ' if not loop.last }}{% endfor %}
from {{ source }} as DBT_INTERNAL_SOURCE
where not exists (
    select 1
    from {{ target }} as DBT_INTERNAL_DEST
    where {{ conditions | join('\n      and ') }}
)
  {%- if update_columns %};
update {{ target }} as DBT_INTERNAL_DEST
join {{ source }} as DBT_INTERNAL_SOURCE
  on {{ conditions | join('\n  and ') }}
set {% for column in update_columns %}DBT_INTERNAL_DEST.{{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  {%- endif %}
{%- endmacro %}
