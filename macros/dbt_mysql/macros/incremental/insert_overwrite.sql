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
    {%- set steps = [] -%}
    {%- if touched -%}
      {%- do steps.append('delete from ' ~ target.render() ~ ' partition (' ~ touched | join(', ') ~ ')') -%}
    {%- endif -%}
    {%- do steps.append('insert into ' ~ target.render() ~ ' (' ~ columns ~ ')\nselect ' ~ columns ~ '\nfrom ' ~ source.render()) -%}
    {%- do run_query('drop table ' ~ staged.render()) -%}
    {%- do return(steps | join(';\n')) -%}
  {%- endif -%}

  {%- do run_query('create table ' ~ outside.render() ~ ' like ' ~ target.render()) -%}
  {%- do run_query('alter table ' ~ outside.render() ~ ' remove partitioning') -%}
  {%- for partition in touched -%}
    {%- for relation in [staged, target] -%}
      {%- do run_query('alter table ' ~ relation.render() ~ ' exchange partition ' ~ partition ~ ' with table ' ~ outside.render()) -%}
    {%- endfor -%}
    {%- do run_query('truncate table ' ~ outside.render()) -%}
  {%- endfor -%}
-- replaced: {{ touched | join(', ') or 'none' }}
drop table {{ staged }}, {{ outside }}
{%- endmacro %}

{# Where the ranges are known: the new rows go to a table of just the partitions that they need. #}
{% macro mysql_overwrite_ranges_sql(target, source, columns, replaced) -%}
  {%- set names = [] -%}
  {%- for partition in replaced.partitions -%}
    {%- do names.append(adapter.quote(partition.name)) -%}
  {%- endfor -%}
  {%- set insert = ' (' ~ columns ~ ')\nselect ' ~ columns ~ '\nfrom ' ~ source.render() -%}
  {%- if not names -%}
    {%- do return('-- replaced: none\ninsert into ' ~ target.render() ~ insert) -%}
  {%- elif config.get('publish', 'immediately') | lower == 'tested' -%}
    {%- do return('delete from ' ~ target.render() ~ ' partition (' ~ names | join(', ') ~ ');\ninsert into ' ~ target.render() ~ insert) -%}
  {%- endif -%}
  {%- set staged = make_temp_relation(target, '__dbt_tmp_rows') -%}
  {%- set outside = make_temp_relation(target, '__dbt_tmp_part') -%}
  {%- do run_query('drop table if exists ' ~ staged.render() ~ ', ' ~ outside.render()) -%}
  {%- do adapter.drop_on_failure(staged) -%}
  {%- do adapter.drop_on_failure(outside) -%}
  {%- do run_query('create table ' ~ outside.render() ~ ' like ' ~ target.render()) -%}
  {%- do run_query('alter table ' ~ outside.render() ~ ' remove partitioning') -%}
  {%- if names | length == 1 -%}
    {%- do run_query('insert into ' ~ outside.render() ~ insert) -%}
    {%- do run_query('alter table ' ~ target.render() ~ ' exchange partition ' ~ names[0] ~ ' with table ' ~ outside.render()) -%}
    {%- do return('-- replaced: ' ~ names[0] ~ '\ndrop table ' ~ outside.render()) -%}
  {%- endif -%}
  {%- do run_query('create table ' ~ staged.render() ~ ' like ' ~ outside.render()) -%}
  {%- do run_query('alter table ' ~ staged.render() ~ ' ' ~ replaced.staging) -%}
  {%- do run_query('insert into ' ~ staged.render() ~ insert) -%}
  {%- for partition in replaced.partitions -%}
    {%- do run_query('alter table ' ~ staged.render() ~ ' exchange partition ' ~ adapter.quote(partition.staged) ~ ' with table ' ~ outside.render()) -%}
    {%- do run_query('alter table ' ~ target.render() ~ ' exchange partition ' ~ adapter.quote(partition.name) ~ ' with table ' ~ outside.render()) -%}
    {%- do run_query('truncate table ' ~ outside.render()) -%}
  {%- endfor -%}
  {{ return('-- replaced: ' ~ names | join(', ') ~ '\ndrop table ' ~ staged.render() ~ ', ' ~ outside.render()) }}
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
