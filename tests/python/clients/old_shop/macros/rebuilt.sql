{% materialization rebuilt, default %}
  {%- set old = load_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set aside = make_backup_relation(target_relation, 'table') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% do adapter.drop_relation(aside) %}
  {% if old is not none %}{% do adapter.rename_relation(old, aside) %}{% endif %}
  {% call statement('main') -%}
    {{ create_table_as(False, target_relation, sql) }}
  {%- endcall %}
  {% do drop_relation_if_exists(aside if old is not none else none) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
