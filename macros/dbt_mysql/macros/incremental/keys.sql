{# The columns of `unique_key` as both relations have them, or none where a key is an expression. Texts of another
   collation are brought to the target's: it decides what is the same key. #}
{% macro mysql_key_columns(target, source, unique_key) -%}
  {%- set rows = run_query(mysql_column_facts_sql([target] + ([source] if source is not none else []))).rows -%}
  {%- set own, others = {}, {} -%}
  {#- Servers may keep names of tables in lower case. -#}
  {%- set other_table = (source.identifier if source is not none else '') | lower -%}
  {%- for row in rows -%}
    {%- do (others if row['table_name'] | lower == other_table else own).update({row['column_name'] | lower: row}) -%}
  {%- endfor -%}
  {%- set keys = [] -%}
  {%- for name in ([unique_key] if unique_key is string else unique_key) -%}
    {%- set column = own.get(name.strip('` ') | lower) -%}
    {%- if column is none -%}
      {%- do return(none) -%}
    {%- endif -%}
    {%- set other = others.get(column['column_name'] | lower) -%}
    {%- set quoted = adapter.quote(column['column_name']) -%}
    {%- set same = column['collation_name'] is none or (other and other['collation_name'] == column['collation_name']) -%}
    {%- do keys.append({
      'name': column['column_name'],
      'quoted': quoted,
      'octets': column['character_octet_length'],
      'unbounded': column['data_type'] in ['tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
      'indexable': column['data_type'] not in ['json', 'geometry'],
      'partitioned': column['partitioned'],
      'in_target': 'DBT_INTERNAL_DEST.' ~ quoted,
      'in_source': 'DBT_INTERNAL_SOURCE.' ~ quoted if same
        else 'convert(DBT_INTERNAL_SOURCE.' ~ quoted ~ ' using ' ~ column['character_set_name'] ~ ') collate ' ~ column['collation_name']
    }) -%}
  {%- endfor -%}
  {{ return(keys) }}
{%- endmacro %}

{# Each relation by its full name: MariaDB opens every table of the server for any other condition. #}
{% macro mysql_column_facts_sql(relations) -%}
  {%- for relation in relations -%}
  {%- set schema, table = adapter.literal(relation.schema), adapter.literal(relation.identifier) -%}
  {{ ' union all ' if not loop.first }}select c.table_name as table_name, c.column_name as column_name, lower(c.data_type) as data_type,
    c.character_octet_length as character_octet_length, c.character_set_name as character_set_name,
    c.collation_name as collation_name,
    (select coalesce(t.create_options, '') like '%partitioned%' from information_schema.tables as t
      where t.table_schema = {{ schema }} and t.table_name = {{ table }}) as partitioned
  from information_schema.columns as c
  where c.table_schema = {{ schema }} and c.table_name = {{ table }}
  {%- endfor -%}
{%- endmacro %}

{# Every index of the table: {name, unique, columns, whole}. `whole`: no prefixes, no expressions. #}
{% macro mysql_indexes(relation) -%}
  {%- set sql -%}
    select index_name as name, column_name as column_name, non_unique as non_unique, sub_part as sub_part
    from information_schema.statistics
    where table_schema = {{ adapter.literal(relation.schema) }} and table_name = {{ adapter.literal(relation.identifier) }}
    order by index_name, seq_in_index
  {%- endset -%}
  {%- set indexes = {} -%}
  {%- for row in run_query(sql).rows -%}
    {%- if row['name'] not in indexes -%}
      {%- do indexes.update({row['name']: {'name': row['name'], 'unique': row['non_unique'] | int == 0, 'columns': [], 'whole': true}}) -%}
    {%- endif -%}
    {%- set index = indexes[row['name']] -%}
    {%- do index['columns'].append((row['column_name'] or '') | lower) -%}
    {%- if row['sub_part'] is not none or row['column_name'] is none -%}
      {%- do index.update({'whole': false}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(indexes.values() | list) }}
{%- endmacro %}

{# Names of the indexes that strategies make for themselves. #}
{% macro mysql_strategy_index_name(unique) -%}
  {{ return('headwater_unique_key' if unique else 'headwater_key') }}
{%- endmacro %}

{% macro mysql_is_same_set(one, other) -%}
  {{ return(one | sort | join('|') == other | sort | join('|')) }}
{%- endmacro %}

{# Whether the table has, or can get, an index that makes the keys unique. Not over texts without a bound, not over more
   bytes than an index takes, and partitioned tables only have those that somebody declared. #}
{% macro mysql_can_be_unique(keys, indexes) -%}
  {%- set names = keys | map(attribute='name') | map('lower') | list -%}
  {%- for index in indexes if index.unique and index.whole and mysql_is_same_set(index.columns, names) -%}
    {%- do return(true) -%}
  {%- endfor -%}
  {%- set bytes = namespace(total=0, possible=true) -%}
  {%- for key in keys -%}
    {%- set bytes.total = bytes.total + (key.octets or 8) -%}
    {%- set bytes.possible = bytes.possible and key.indexable and not key.unbounded and not key.partitioned -%}
  {%- endfor -%}
  {{ return(bytes.possible and bytes.total <= 3072) }}
{%- endmacro %}

{# A unique index over other columns than the keys: an upsert would match on it as well. #}
{% macro mysql_other_unique_indexes(keys, indexes) -%}
  {%- set names = keys | map(attribute='name') | map('lower') | list -%}
  {%- set others = [] -%}
  {%- for index in indexes if index.unique and not (index.whole and mysql_is_same_set(index.columns, names))
      and index.name != mysql_strategy_index_name(true) -%}
    {%- do others.append(index.name) -%}
  {%- endfor -%}
  {{ return(others) }}
{%- endmacro %}

{# Makes the index that a strategy looks rows up by, if no index there does: a table may have one of each name. Commits, so
   it comes before the transaction. #}
{% macro mysql_ensure_key_index(relation, keys, indexes, unique, name=none) -%}
  {%- set names = keys | map(attribute='name') | map('lower') | list -%}
  {%- set changes = [] -%}
  {%- set wanted = name or mysql_strategy_index_name(unique) -%}
  {%- set replaced = [name] if name else [mysql_strategy_index_name(true), mysql_strategy_index_name(false)] -%}
  {%- for index in indexes -%}
    {%- if index.unique and index.whole and mysql_is_same_set(index.columns, names) -%}
      {%- do return(none) -%}
    {%- elif not unique and mysql_is_same_set(index.columns[:names | length], names) -%}
      {%- do return(none) -%}
    {%- elif index.name in replaced -%}
      {#- Of another key, or no longer enough. -#}
      {%- do changes.append('drop index ' ~ adapter.quote(index.name)) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set columns = [] -%}
  {%- for key in keys -%}
    {%- if not key.indexable -%}
      {%- do return(none) -%}
    {%- endif -%}
    {#- An index has 3072 bytes at most, and a character up to four. -#}
    {%- set share = 768 // (keys | length) -%}
    {%- set cut = not unique and (key.unbounded or (key.octets or 0) > share * 4) -%}
    {%- do columns.append(key.quoted ~ ('(' ~ [share, 191] | min ~ ')' if cut else '')) -%}
  {%- endfor -%}
  {%- do changes.append('add ' ~ ('unique ' if unique else '') ~ 'index ' ~ adapter.quote(wanted) ~ ' (' ~ columns | join(', ') ~ ')') -%}
  {%- do mysql_alter_shards(relation, changes | join(', ')) -%}
  {%- set refused = adapter.attempt('alter table ' ~ relation.render() ~ ' ' ~ changes | join(', ')) -%}
  {%- if refused -%}
    {%- set found = run_query(mysql_repeated_keys_sql(relation, keys)).rows -%}
    {%- do adapter.refuse(
      'duplicate-key',
      '`merge` needs ' ~ mysql_key_names(keys) ~ ' to be unique, and rows of ' ~ this.render() ~ ' share it',
      notes=[mysql_key_samples(found, keys)] if found else [refused],
      help='leave one row of each key, or set `incremental_strategy: delete+insert`, which allows several'
    ) -%}
  {%- endif -%}
{%- endmacro %}

{% macro mysql_key_names(keys) -%}
  {%- set names = [] -%}
  {%- for key in keys -%}
    {%- do names.append('`' ~ key.name ~ '`') -%}
  {%- endfor -%}
  {{ return(names | join(', ')) }}
{%- endmacro %}

{# Keys that come more than once, and after them keys with nulls. #}
{% macro mysql_repeated_keys_sql(relation, keys) -%}
  {%- set values = keys | map(attribute='in_source') | join(', ') -%}
  {%- set nulls = [] -%}
  {%- for key in keys -%}
    {%- do nulls.append(key.in_source ~ ' is null') -%}
  {%- endfor -%}
  select {% for key in keys %}{{ key.in_source }} as dbt_key_{{ loop.index }}, {% endfor %}count(*) as dbt_rows, max({{ nulls | join(' or ') }}) as dbt_has_null
  from {{ relation.render() }} as DBT_INTERNAL_SOURCE
  group by {{ values }}
  having count(*) > 1 or dbt_has_null = 1
  order by dbt_has_null, dbt_rows desc
  limit 5
{%- endmacro %}

{# `id` = 7 (2 rows), `id` = 9 (3 rows) #}
{% macro mysql_key_samples(rows, keys) -%}
  {%- set samples = [] -%}
  {%- for row in rows -%}
    {%- set parts = [] -%}
    {%- for key in keys -%}
      {%- set value = row['dbt_key_' ~ loop.index] -%}
      {%- do parts.append('`' ~ key.name ~ '` = ' ~ ('null' if value is none else value)) -%}
    {%- endfor -%}
    {%- do samples.append(parts | join(' and ') ~ ' (' ~ row['dbt_rows'] ~ ' row' ~ ('s' if row['dbt_rows'] != 1) ~ ')') -%}
  {%- endfor -%}
  {{ return('among them ' ~ samples | join(', ')) }}
{%- endmacro %}
