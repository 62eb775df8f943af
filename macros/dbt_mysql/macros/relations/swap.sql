{# One RENAME moves both names at once: no reader finds the target missing. Views may be renamed by it too. It is tried in
   turns, so that no reader waits long behind it while another one still reads. #}
{% macro mysql__swap_relations(intermediate_relation, target_relation, existing_relation) %}
  {%- set renames = [[intermediate_relation, target_relation]] -%}
  {%- set backup_relation = none -%}
  {%- if existing_relation is not none -%}
    {%- set backup_relation = make_backup_relation(target_relation, existing_relation.type) -%}
    {%- set renames = [[existing_relation, backup_relation]] + renames -%}
    {%- do adapter.drop_on_failure(backup_relation) -%}
  {%- endif -%}
  {%- do adapter.rename_relations(renames) -%}
  {%- do return(backup_relation) -%}
{% endmacro %}
