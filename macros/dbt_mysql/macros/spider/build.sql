{# With `spider: {servers: […], partition_by: …}` a model's table on the head has no rows of its own: each of its partitions
   is a table on one of the servers. Those have one of two names by turns. What is built now takes the one that the published
   table does not use, so that the swap is a RENAME on the head alone. #}
{% macro mysql__get_build_table_sql(relation, existing_relation, sql) -%}
  {%- set spider = config.get('spider') -%}
  {%- if not spider -%}
    {%- do return(get_create_table_as_sql(false, relation, sql)) -%}
  {%- endif -%}
  {%- if not adapter.capabilities.spider -%}
    {%- do adapter.refuse(
      'not-supported',
      '`' ~ model.name ~ '` is to be spread over the servers `' ~ spider.servers | join('`, `') ~ '`, and this server does not have the engine Spider',
      help='load it with `install soname \'ha_spider\'`, or set `spider` for the target of the cluster only'
    ) -%}
  {%- endif -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {%- set columns = mysql_query_columns(relation, sql) -%}
  {%- set table = '(' ~ columns.definitions | join(', ') ~ ') ' ~ adapter.create_table_options() -%}
  {%- set name = mysql_shard_name(existing_relation) -%}
  {%- set partitions = [] -%}
  {%- for server in spider.servers -%}
    {%- set shard = {'server': server, 'schema': this.schema, 'name': name} -%}
    {%- do mysql_run_on_server(server, 'create database if not exists ' ~ adapter.quote(this.schema)) -%}
    {#- Of a run that was killed. -#}
    {%- do mysql_run_on_server(server, 'drop table if exists ' ~ mysql_shard(shard)) -%}
    {%- do mysql_run_on_server(server, 'create table ' ~ mysql_shard(shard) ~ ' ' ~ table) -%}
    {%- set place = 'srv "' ~ server ~ '", database "' ~ this.schema ~ '", table "' ~ name ~ '"' -%}
    {%- do partitions.append('partition p' ~ loop.index0 ~ ' comment = ' ~ adapter.literal(place)) -%}
  {%- endfor -%}
  {%- do run_query('create table ' ~ relation.render() ~ ' ' ~ table ~ ' engine = spider comment = \'wrapper "mysql"\' partition by '
                   ~ spider.partition_by ~ ' (' ~ partitions | join(', ') ~ ')') -%}
  {{ return((sql_header or '') ~ 'insert into ' ~ relation.render() ~ ' (' ~ columns.names | join(', ') ~ ')\n' ~ sql) }}
{%- endmacro %}

{# The one of the two names that the rows of the existing relation are not under. #}
{% macro mysql_shard_name(existing_relation) -%}
  {%- set names = [adapter.shorten(this.identifier ~ '__dbt_a'), adapter.shorten(this.identifier ~ '__dbt_b')] -%}
  {%- for shard in mysql_shards(existing_relation) if shard.name == names[0] -%}
    {%- do return(names[1]) -%}
  {%- endfor -%}
  {{ return(names[0]) }}
{%- endmacro %}

{% macro mysql_shard(shard) -%}
  {{ return(adapter.quote(shard.schema) ~ '.' ~ adapter.quote(shard.name)) }}
{%- endmacro %}

{# Where the rows of a table are: the server, schema and name of each part; nothing for other tables than ours. #}
{% macro mysql_shards(relation) -%}
  {%- set shards = [] -%}
  {%- if relation is not none and adapter.capabilities.spider and not relation.is_view -%}
    {%- set found = run_query('select 1 from information_schema.tables where table_schema = ' ~ adapter.literal(relation.schema)
                              ~ ' and table_name = ' ~ adapter.literal(relation.identifier) ~ ' and engine = \'SPIDER\'') -%}
    {%- if found.rows -%}
      {%- set definition = run_query('show create table ' ~ relation.render()).rows[0][1] -%}
      {%- for server, schema, name in modules.re.findall('COMMENT = \'srv "([^"]+)", database "([^"]+)", table "([^"]+)"\'', definition) -%}
        {%- do shards.append({'server': server, 'schema': schema, 'name': name}) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endif -%}
  {{ return(shards) }}
{%- endmacro %}

{% macro mysql_run_on_server(server, sql) -%}
  {%- do run_query('select spider_direct_sql(' ~ adapter.literal(sql) ~ ', \'\', ' ~ adapter.literal('srv "' ~ server ~ '", database "information_schema"') ~ ')') -%}
{%- endmacro %}

{# Does to the parts what is about to be done to the table on the head, which only changes its definition there. #}
{% macro mysql_alter_shards(relation, actions) -%}
  {%- for shard in (mysql_shards(relation) if config.get('spider') else []) -%}
    {%- do mysql_run_on_server(shard.server, 'alter table ' ~ mysql_shard(shard) ~ ' ' ~ actions) -%}
  {%- endfor -%}
{%- endmacro %}

{# The head's table goes first: until it is gone, somebody may be reading it. #}
{% macro mysql__drop_relation(relation) -%}
  {%- set shards = mysql_shards(relation) -%}
  {{ default__drop_relation(relation) }}
  {%- for shard in shards -%}
    {%- do mysql_run_on_server(shard.server, 'drop table if exists ' ~ mysql_shard(shard)) -%}
  {%- endfor -%}
{%- endmacro %}
