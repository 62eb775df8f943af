{% materialization materialized_view, default %}
  {{ raise_no_materialized_views() }}
{% endmaterialization %}

{% materialization function, default %}
  {%- do exceptions.raise_compiler_error('functions are not supported yet by the adapter `' ~ adapter.type() ~ '`: create them in an `on-run-start` hook') -%}
{% endmaterialization %}
