{% macro mysql__list_relations_without_caching(schema_relation) %}
  {%- call statement('list_relations_without_caching', fetch_result=true, auto_begin=false) -%}
select
  null as `database`,
  table_name as name,
  table_schema as `schema`,
  case table_type when 'VIEW' then 'view' else 'table' end as type
from information_schema.tables
where table_schema = '{{ schema_relation.schema }}'
  {%- endcall -%}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}

{% macro mysql__get_catalog_sql(conditions) -%}
select
  null as table_database,
  t.table_schema as table_schema,
  t.table_name as table_name,
  case t.table_type when 'VIEW' then 'view' else 'table' end as table_type,
  nullif(case t.table_type when 'VIEW' then '' else t.table_comment end, '') as table_comment,
  null as table_owner,
  c.column_name as column_name,
  c.ordinal_position as column_index,
  c.column_type as column_type,
  nullif(c.column_comment, '') as column_comment
from information_schema.tables as t
join information_schema.columns as c on c.table_schema = t.table_schema and c.table_name = t.table_name
where {{ conditions | join(' or ') if conditions else '1 = 0' }}
order by t.table_schema, t.table_name, c.ordinal_position
{%- endmacro %}
