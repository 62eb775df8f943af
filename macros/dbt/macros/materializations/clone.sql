{#- `defer_relation` is the relation of the state, `sql` a select of it, `build_view` the materialization of views. -#}
{% materialization clone, default %}
  {%- if not defer_relation -%}
    {%- do log('No relation found in state manifest for ' ~ model.unique_id, info=true) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {%- set existing_relation = load_cached_relation(this) -%}
  {%- if existing_relation and not flags.FULL_REFRESH -%}
    {%- do log('Relation ' ~ existing_relation ~ ' already exists', info=true) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {%- if this.render() == defer_relation.render() -%}
    {%- do log('The relation of the state is the target itself, nothing is cloned: ' ~ this, info=true) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {%- set other_relation = load_cached_relation(defer_relation) -%}
  {%- if not (other_relation and other_relation.is_table and can_clone_table()) -%}
    {{ return(build_view()) }}
  {%- endif -%}

  {%- set target_relation = this.incorporate(type='table') -%}
  {%- if existing_relation is not none and not existing_relation.is_table -%}
    {%- do drop_relation_if_exists(existing_relation) -%}
  {%- endif -%}
  {%- call statement('main') -%}
    {{ create_or_replace_clone(target_relation, defer_relation) }}
  {%- endcall -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=true)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- do adapter.commit() -%}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
