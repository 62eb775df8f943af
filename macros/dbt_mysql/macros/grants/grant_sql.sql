{# Grantees are written `user` (any host) or `user@host`, in configs and here. #}
{% macro mysql__get_show_grant_sql(relation) %}
  select trim(trailing '@%' from replace(grantee, '''', '')) as grantee, lower(privilege_type) as privilege_type
  from information_schema.table_privileges
  where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
{% endmacro %}

{%- macro mysql__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation.render() }} to {{ mysql_grantees(grantees) }}
{%- endmacro -%}

{%- macro mysql__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ mysql_grantees(grantees) }}
{%- endmacro -%}

{%- macro mysql_grantees(grantees) -%}
  {%- for grantee in grantees -%}
    {%- set user, _, host = grantee.rpartition('@') if '@' in grantee else (grantee, '@', '%') -%}
    {{ adapter.literal(user) }}@{{ adapter.literal(host) }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}
