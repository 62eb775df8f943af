{% macro add_index(relation, name, columns) %}
  {% set found %}
    select count(*) as n from information_schema.statistics
    where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.table }}' and index_name = '{{ name }}'
  {% endset %}
  {% if execute and run_query(found).columns['n'].values()[0] == 0 %}
    alter table {{ relation }} add index {{ name }} ({{ columns | join(', ') }})
  {% endif %}
{% endmacro %}
{% macro tiers() %}
  {% call statement('tiers', fetch_result=True) %}
    select distinct tier from {{ source('raw', 'customers') }} where tier is not null order by 1
  {% endcall %}
  {% if execute %}{{ return(load_result('tiers')['data'] | map(attribute=0) | list) }}{% endif %}
  {{ return([]) }}
{% endmacro %}
{% macro note_the_end(schemas, results) %}
  {% if execute %}{% for result in results if result.status == 'error' %}{{ log(result.node.name) }}{% endfor %}
  {% for schema in schemas %}{{ log(schema, info=False) }}{% endfor %}{% endif %}
{% endmacro %}
{% macro columns_of(relation) %}
  {% set names = [] %}
  {% for column in adapter.get_columns_in_relation(relation) %}{% do names.append(column.quoted) %}{% endfor %}
  {{ return(names | join(', ')) }}
{% endmacro %}
