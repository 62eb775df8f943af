{# Temporary tables live in a catalog of their own. #}
{% macro duckdb__make_temp_relation(base_relation, suffix) %}
  {{ return(base_relation.incorporate(path={
    'database': 'temp',
    'schema': 'main',
    'identifier': adapter.shorten(base_relation.identifier ~ suffix)
  })) }}
{% endmacro %}
