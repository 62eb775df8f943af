{% macro mysql_primary_key_sql() -%}
  {%- set quoted = [] -%}
  {%- for name in configured_primary_key() -%}
    {%- do quoted.append(adapter.quote(name)) -%}
  {%- endfor -%}
  {{ return('primary key (' ~ quoted | join(', ') ~ ')' if quoted and not adapter.is_staging() else '') }}
{%- endmacro %}

{% macro mysql__apply_table_options(relation, stays) -%}
  {%- if stays -%}
    {%- do mysql_tell_other_options(relation) -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- if model.resource_type == 'seed' and mysql_primary_key_sql() -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' add ' ~ mysql_primary_key_sql()) -%}
  {%- endif -%}
  {#- Only the rows tell which ranges there are. -#}
  {%- do adapter.make_partitions(relation, relation, is_new=true) -%}
{%- endmacro %}

{% macro mysql__make_partitions(relation, rows) -%}
  {%- do adapter.make_partitions(relation, rows) -%}
{%- endmacro %}

{# The ranges that a changed file needs are only known once its rows are in a table. #}
{% macro mysql__seed_is_made_anew() -%}
  {{ return(adapter.makes_partitions()) }}
{%- endmacro %}

{# Changing one of these copies the whole table while nobody may write to it: that is for the user to decide. The first batch
   of a model tells it for all of them. #}
{% macro mysql_tell_other_options(relation) -%}
  {%- if adapter.is_later_batch() -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set wanted = {} -%}
  {%- for key in ['engine', 'row_format', 'charset', 'collation', 'partition_by'] if config.get(key) -%}
    {%- do wanted.update({key: config.get(key)}) -%}
  {%- endfor -%}
  {%- set key = configured_primary_key() -%}
  {%- if not wanted and not key -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set sql -%}
    select t.engine as engine, t.row_format as row_format, t.table_collation as table_collation,
      (select group_concat(s.column_name order by s.seq_in_index separator ', ') from information_schema.statistics as s
       where s.table_schema = t.table_schema and s.table_name = t.table_name and s.index_name = 'PRIMARY') as primary_key
    from information_schema.tables as t
    where t.table_schema = {{ adapter.literal(relation.schema) }} and t.table_name = {{ adapter.literal(relation.identifier) }}
  {%- endset -%}
  {%- for table in run_query(sql).rows -%}
    {%- set others = [] -%}
    {%- for option in ['engine', 'row_format'] if option in wanted -%}
      {%- set is, should = (table[option] or '') | lower, wanted[option] | lower -%}
      {%- if is != should and should != 'default' -%}
        {%- do others.append(option ~ ' is ' ~ is ~ ', not ' ~ should) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- set collation = mysql_full_name_of_utf8(table['table_collation'] or '') -%}
    {%- if 'charset' in wanted and collation.split('_')[0] != mysql_full_name_of_utf8(wanted['charset']) -%}
      {%- do others.append('charset is ' ~ collation.split('_')[0] ~ ', not ' ~ wanted['charset']) -%}
    {%- endif -%}
    {%- if 'collation' in wanted and not collation.endswith(mysql_full_name_of_utf8(wanted['collation'])) -%}
      {%- do others.append('collation is ' ~ collation ~ ', not ' ~ wanted['collation']) -%}
    {%- endif -%}
    {%- set drift = adapter.partition_drift(relation) -%}
    {%- if drift -%}
      {%- do others.append(drift) -%}
    {%- endif -%}
    {%- if key and (table['primary_key'] or '') | lower != key | join(', ') | lower -%}
      {%- do others.append('its primary key is ' ~ (table['primary_key'] or 'none') ~ ', not ' ~ key | join(', ')) -%}
    {%- endif -%}
    {%- if others -%}
      {%- do exceptions.warn(relation.render() ~ ' is not what its config says: ' ~ others | join('; ') ~ '. It is left as it is: '
                             ~ ('change it by `alter table`' if model.resource_type == 'snapshot' else 'build it anew with `--full-refresh`')) -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{# `utf8` is a short name of `utf8mb3`, and servers give the long one back. #}
{% macro mysql_full_name_of_utf8(name) -%}
  {%- set name = name | lower -%}
  {{ return('utf8mb3' ~ name[4:] if name == 'utf8' or name.startswith('utf8_') else name) }}
{%- endmacro %}

{# The column types and the charset of texts come from the query; where config asks for another charset, the table is made
   empty, converted, and then filled. The SQL stands bare behind `as`: a WITH in parentheses is refused there. #}
{% macro mysql_create_table_of_query(temporary, relation, sql) -%}
  {%- set key = '(' ~ mysql_primary_key_sql() ~ ') ' if mysql_primary_key_sql() and not temporary else '' -%}
  {%- set conversion = adapter.charset_conversion() -%}
create {% if temporary %}temporary {% endif %}table {{ relation }} {{ key }}{{ adapter.create_table_options() }} as
  {%- if conversion and not temporary %}
select * from (
{{ sql }}
) as dbt_columns limit 0;
alter table {{ relation }} convert to {{ conversion }};
insert into {{ relation }}
  {%- endif %}
{{ sql }}
{%- endmacro %}
