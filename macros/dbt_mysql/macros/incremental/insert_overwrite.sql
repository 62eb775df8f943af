{# Every partition that a new row falls into is replaced as a whole. The new rows go to a table of the target's structure,
   so that the server itself finds their partitions; each of those then changes places with the target's. One exchange is
   one step for readers, several are not: where the rows are to be tested before they are seen, one transaction deletes
   and inserts instead. #}
{% macro mysql__get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- set target, source = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
  {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
  {%- set replaced = adapter.make_partitions(target, source, only=config.get('partitions')) -%}
  {%- if replaced -%}
    {%- do return(mysql_overwrite_ranges_sql(target, source, columns, replaced)) -%}
  {%- endif -%}
  {%- set partitions = mysql_range_partitions(target) -%}
  {%- set staged = make_temp_relation(target, '__dbt_tmp_rows') -%}
  {%- set outside = make_temp_relation(target, '__dbt_tmp_part') -%}
  {%- do run_query('drop table if exists ' ~ staged.render() ~ ', ' ~ outside.render()) -%}
  {%- do adapter.drop_on_failure(staged) -%}
  {%- do adapter.drop_on_failure(outside) -%}
  {%- do run_query('create table ' ~ staged.render() ~ ' like ' ~ target.render()) -%}
  {%- do run_query('insert into ' ~ staged.render() ~ ' (' ~ columns ~ ') select ' ~ columns ~ ' from ' ~ source.render()) -%}

  {%- set asked = [] -%}
  {%- for name in partitions -%}
    {%- do asked.append('select ' ~ adapter.literal(name) ~ ' as name where exists (select 1 from ' ~ staged.render() ~ ' partition (' ~ adapter.quote(name) ~ '))') -%}
  {%- endfor -%}
  {%- set touched = [] -%}
  {%- for row in run_query(asked | join('\nunion all\n')).rows -%}
    {%- do touched.append(adapter.quote(row['name'])) -%}
  {%- endfor -%}

  {%- if config.get('publish', 'immediately') | lower == 'tested' -%}
    {%- do run_query('drop table ' ~ staged.render()) -%}
    {%- do return(mysql_overwrite_in_place_sql(target, source, columns, touched)) -%}
  {%- endif -%}

  {%- do mysql_create_without_partitions(outside, target) -%}
  {%- set pairs = [] -%}
  {%- for name in touched -%}
    {%- do pairs.append([name, name]) -%}
  {%- endfor -%}
  {%- set refused = mysql_exchange_partitions(target, staged, outside, pairs) -%}
  {%- do run_query('drop table ' ~ staged.render() ~ ', ' ~ outside.render()) -%}
  {{ return(mysql_overwrite_in_place_sql(target, source, columns, touched) if refused else '-- replaced: ' ~ (touched | join(', ') or 'none') ~ '\ndo 0') }}
{%- endmacro %}

{# In one transaction, which the materialization opens. #}
{% macro mysql_overwrite_in_place_sql(target, source, columns, touched) -%}
  {%- if touched %}
delete from {{ target }} partition ({{ touched | join(', ') }});
  {%- endif %}
insert into {{ target }} ({{ columns }})
select {{ columns }}
from {{ source }}
{%- endmacro %}

{# Pairs of [partition of the target, of the staged rows]. What the server says where it does not let them change places:
   the target has had columns added that older rows do not have (1731), or another difference that `like` does not see. #}
{% macro mysql_exchange_partitions(target, staged, outside, pairs) -%}
  {%- for there, here in pairs -%}
    {%- do run_query('alter table ' ~ staged.render() ~ ' exchange partition ' ~ here ~ ' with table ' ~ outside.render()) -%}
    {%- set refused = mysql_exchange_partition(target, there, outside) -%}
    {%- if refused -%}
      {%- do return(refused) -%}
    {%- endif -%}
    {%- do run_query('truncate table ' ~ outside.render()) -%}
  {%- endfor -%}
{%- endmacro %}

{% macro mysql_exchange_partition(target, partition, outside) -%}
  {%- set refused = adapter.attempt('alter table ' ~ target.render() ~ ' exchange partition ' ~ partition ~ ' with table ' ~ outside.render(), codes=[1731, 1736]) -%}
  {%- if refused -%}
    {%- do log('deleting and inserting, because partitions cannot be exchanged: ' ~ refused) -%}
  {%- endif -%}
  {{ return(refused) }}
{%- endmacro %}

{# `like` copies all partitions first, each of which is a file. Names of checks exist once in a schema. #}
{% macro mysql_create_without_partitions(relation, target) -%}
  {%- set definition = run_query('show create table ' ~ target.render()).rows[0][1].split('\n PARTITION BY ')[0].split('\n/*!50')[0] -%}
  {%- set start = definition.find('` (\n') -%}
  {%- if start > 0 and '\n  CONSTRAINT ' not in definition -%}
    {%- do run_query('create table ' ~ relation.render() ~ definition[start + 1:]) -%}
  {%- else -%}
    {%- do run_query('create table ' ~ relation.render() ~ ' like ' ~ target.render()) -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' remove partitioning') -%}
  {%- endif -%}
{%- endmacro %}

{# Where the ranges are known: the new rows go to a table of just the partitions that they need. #}
{% macro mysql_overwrite_ranges_sql(target, source, columns, replaced) -%}
  {%- set names, pairs = [], [] -%}
  {%- for partition in replaced.partitions -%}
    {%- do names.append(adapter.quote(partition.name)) -%}
    {%- do pairs.append([adapter.quote(partition.name), adapter.quote(partition.staged)]) -%}
  {%- endfor -%}
  {%- if not names or config.get('publish', 'immediately') | lower == 'tested' -%}
    {%- do return(mysql_overwrite_in_place_sql(target, source, columns, names)) -%}
  {%- endif -%}
  {%- set staged = make_temp_relation(target, '__dbt_tmp_rows') -%}
  {%- set outside = make_temp_relation(target, '__dbt_tmp_part') -%}
  {%- do run_query('drop table if exists ' ~ staged.render() ~ ', ' ~ outside.render()) -%}
  {%- do adapter.drop_on_failure(staged) -%}
  {%- do adapter.drop_on_failure(outside) -%}
  {%- do mysql_create_without_partitions(outside, target) -%}
  {%- set rows = ' (' ~ columns ~ ') select ' ~ columns ~ ' from ' ~ source.render() -%}
  {%- if names | length == 1 -%}
    {%- do run_query('insert into ' ~ outside.render() ~ rows) -%}
    {%- set refused = mysql_exchange_partition(target, names[0], outside) -%}
  {%- else -%}
    {%- do run_query('create table ' ~ staged.render() ~ ' like ' ~ outside.render()) -%}
    {%- do run_query('alter table ' ~ staged.render() ~ ' ' ~ replaced.staging) -%}
    {%- do run_query('insert into ' ~ staged.render() ~ rows) -%}
    {%- set refused = mysql_exchange_partitions(target, staged, outside, pairs) -%}
    {%- do run_query('drop table ' ~ staged.render()) -%}
  {%- endif -%}
  {%- do run_query('drop table ' ~ outside.render()) -%}
  {{ return(mysql_overwrite_in_place_sql(target, source, columns, names) if refused else '-- replaced: ' ~ names | join(', ') ~ '\ndo 0') }}
{%- endmacro %}

{# Names of the target's partitions, in their order. #}
{% macro mysql_range_partitions(relation) -%}
  {%- set sql -%}
    select partition_name as name, partition_method as method, max(subpartition_name) as part
    from information_schema.partitions
    where table_schema = {{ adapter.literal(relation.schema) }} and table_name = {{ adapter.literal(relation.identifier) }}
      and partition_name is not null
    group by partition_name, partition_method, partition_ordinal_position
    order by partition_ordinal_position
  {%- endset -%}
  {%- set rows = run_query(sql).rows -%}
  {%- if not rows -%}
    {%- do adapter.refuse(
      'invalid-config',
      '`insert_overwrite` replaces partitions, and ' ~ relation.render() ~ ' has none',
      help='build it with `--full-refresh`, so that it gets those of `partition_by`'
    ) -%}
  {%- elif rows[0]['part'] is not none or not (rows[0]['method'].startswith('RANGE') or rows[0]['method'].startswith('LIST')) -%}
    {%- do adapter.refuse(
      'invalid-config',
      '`insert_overwrite` replaces whole partitions, and those of ' ~ relation.render() ~ ' are by `' ~ rows[0]['method'] | lower ~ ('` with subpartitions' if rows[0]['part'] else '`'),
      notes=['rows that have nothing to do with each other share such a partition'],
      help='partition it by `range` or `list`, or set `incremental_strategy: delete+insert`'
    ) -%}
  {%- endif -%}
  {{ return(rows | map(attribute='name') | list) }}
{%- endmacro %}
