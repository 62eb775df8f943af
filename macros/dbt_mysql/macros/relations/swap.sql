{# One RENAME moves both names at once: no reader finds the target missing. Views may be renamed by it too. #}
{% macro mysql__swap_relations(intermediate_relation, target_relation, existing_relation) %}
  {%- set backup_relation = make_backup_relation(target_relation, existing_relation.type) if existing_relation is not none else none -%}
  {%- call statement('swap_relations') -%}
    rename table
    {%- if existing_relation is not none %} {{ existing_relation.render() }} to {{ backup_relation.render() }},{% endif %} {{ intermediate_relation.render() }} to {{ target_relation.render() }}
  {%- endcall -%}
  {%- if existing_relation is not none -%}
    {%- do adapter.cache_renamed(existing_relation, backup_relation) -%}
  {%- endif -%}
  {%- do adapter.cache_renamed(intermediate_relation, target_relation) -%}
  {%- do return(backup_relation) -%}
{% endmacro %}
