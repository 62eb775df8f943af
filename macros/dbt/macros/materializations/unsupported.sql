{% materialization materialized_view, default %}
  {{ raise_no_materialized_views() }}
{% endmaterialization %}
