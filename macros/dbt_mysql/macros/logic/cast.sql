{# The names that CAST takes are not those of columns. #}
{% macro mysql__cast(field, type) -%}
  cast({{ field }} as {{ mysql_cast_target(type) }})
{%- endmacro %}

{% macro mysql__safe_cast(field, type) -%}
  cast({{ field }} as {{ mysql_cast_target(type) }})
{%- endmacro %}

{# A boolean is 0 or 1 here; as text it is what other engines write. #}
{% macro mysql__cast_bool_to_text(field) -%}
  case when {{ field }} then 'true' when {{ field }} is not null then 'false' end
{%- endmacro %}

{# The CAST target for a column's type. Sizes are kept for numbers and times; text is never cut. #}
{% macro mysql_cast_target(type) -%}
  {%- set type = type | lower | trim -%}
  {%- set name = type.split('(')[0].split(' ')[0] -%}
  {%- set size = '(' ~ type.split('(')[1].split(')')[0] ~ ')' if '(' in type else '' -%}
  {%- if name in ['char', 'varchar', 'nchar', 'character', 'string', 'text', 'tinytext', 'mediumtext', 'longtext', 'enum', 'set', 'uuid'] -%}
    char
  {%- elif name in ['int', 'integer', 'bigint', 'smallint', 'mediumint', 'tinyint', 'signed', 'unsigned', 'bool', 'boolean', 'year', 'bit'] -%}
    {{ 'unsigned' if 'unsigned' in type or name == 'bit' else 'signed' }}
  {%- elif name in ['decimal', 'numeric', 'dec', 'fixed'] -%}
    decimal{{ size or '(28,6)' }}
  {%- elif name in ['double', 'float', 'real'] -%}
    double
  {%- elif name in ['timestamp', 'datetime'] -%}
    datetime{{ size or '(6)' }}
  {%- elif name == 'time' -%}
    time{{ size or '(6)' }}
  {%- elif name in ['binary', 'varbinary', 'blob', 'tinyblob', 'mediumblob', 'longblob'] -%}
    binary
  {%- elif name == 'json' -%}
    {{ adapter.dispatch('json_cast_target', 'dbt')() }}
  {%- else -%}
    {{ type }}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__json_cast_target() -%}
  json
{%- endmacro %}

{# MariaDB keeps JSON as text. #}
{% macro mariadb__json_cast_target() -%}
  char
{%- endmacro %}
