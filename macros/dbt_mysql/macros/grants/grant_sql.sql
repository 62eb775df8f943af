{# Grantees are written `user` (any host), `user@host` or `role`, in configs and here. What is granted on a name stays with it
   when another table takes its place. #}
{% macro mysql__apply_grants(relation, grant_config, should_revoke=true) %}
  {%- for privilege in grant_config or {} if privilege | lower in ['all', 'all privileges'] -%}
    {%- do exceptions.raise_compiler_error('config `grants` of ' ~ relation.render() ~ ' has `' ~ privilege
                                           ~ '`, which cannot be compared with what is granted: list the privileges (`select`, `insert`, …)') -%}
  {%- endfor -%}
  {{ return(default__apply_grants(relation, grant_config, should_revoke)) }}
{% endmacro %}

{% macro mysql__get_show_grant_sql(relation) %}
  select trim(trailing '@' from trim(trailing '@%' from replace(grantee, '''', ''))) as grantee, lower(privilege_type) as privilege_type
  from information_schema.table_privileges
  where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
{% endmacro %}

{%- macro mysql__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation.render() }} to {{ mysql_grantees(grantees) }}
{%- endmacro -%}

{%- macro mysql__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ mysql_grantees(grantees) }}
{%- endmacro -%}

{# Without a host a name may be that of a role; the servers take `%` for a user's. #}
{%- macro mysql_grantees(grantees) -%}
  {%- for grantee in grantees -%}
    {%- set user, at, host = grantee.rpartition('@') -%}
    {{ adapter.literal(user) ~ '@' ~ adapter.literal(host) if at else adapter.literal(grantee) }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}
