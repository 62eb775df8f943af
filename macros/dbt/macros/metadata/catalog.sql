{# Relations with their columns, one row per column, named as catalog.json wants them. #}

{% macro get_catalog(information_schema, schemas) -%}
  {{ return(adapter.dispatch('get_catalog', 'dbt')(information_schema, schemas)) }}
{%- endmacro %}

{% macro default__get_catalog(information_schema, schemas) -%}
  {%- set conditions = [] -%}
  {%- for schema in schemas -%}
    {%- do conditions.append("t.table_schema = '" ~ schema ~ "'") -%}
  {%- endfor -%}
  {{ return(run_query(get_catalog_sql(conditions))) }}
{%- endmacro %}

{% macro get_catalog_relations(information_schema, relations) -%}
  {{ return(adapter.dispatch('get_catalog_relations', 'dbt')(information_schema, relations)) }}
{%- endmacro %}

{% macro default__get_catalog_relations(information_schema, relations) -%}
  {%- set conditions = [] -%}
  {%- for relation in relations -%}
    {%- do conditions.append("(t.table_schema = '" ~ relation.schema ~ "'" ~ (" and t.table_name = '" ~ relation.identifier ~ "'" if relation.identifier else "") ~ ")") -%}
  {%- endfor -%}
  {{ return(run_query(get_catalog_sql(conditions))) }}
{%- endmacro %}

{% macro get_catalog_for_single_relation(relation) %}
  {{ return(adapter.dispatch('get_catalog_for_single_relation', 'dbt')(relation)) }}
{% endmacro %}

{% macro default__get_catalog_for_single_relation(relation) %}
  {{ return(get_catalog_relations(none, [relation])) }}
{% endmacro %}

{% macro get_catalog_sql(conditions) -%}
  {{ return(adapter.dispatch('get_catalog_sql', 'dbt')(conditions)) }}
{%- endmacro %}

{% macro default__get_catalog_sql(conditions) -%}
select
  t.table_catalog as table_database,
  t.table_schema,
  t.table_name,
  t.table_type,
  cast(null as {{ type_string() }}) as table_comment,
  cast(null as {{ type_string() }}) as table_owner,
  c.column_name,
  c.ordinal_position as column_index,
  c.data_type as column_type,
  cast(null as {{ type_string() }}) as column_comment
from information_schema.tables as t
join information_schema.columns as c
  on c.table_catalog = t.table_catalog and c.table_schema = t.table_schema and c.table_name = t.table_name
where {{ conditions | join(' or ') if conditions else '1 = 0' }}
order by t.table_schema, t.table_name, c.ordinal_position
{%- endmacro %}
