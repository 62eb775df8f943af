{# The shops' three-digit codes: 001 .. store_count. #}
{% macro store_codes() %}
  {%- set codes = [] -%}
  {%- for n in range(1, var('store_count') + 1) -%}
    {%- do codes.append('%03d' % n) -%}
  {%- endfor -%}
  {{ return(codes) }}
{% endmacro %}

{# One select per shop over the same table, with the shop's id first; `where` filters inside each branch, where the
   shop's own index can serve it. #}
{% macro union_shops(table, columns, where='') -%}
  {%- for code in store_codes() %}
select
    {{ code | int }} as store_id,
    {{ columns | join(',\n    ') }}
from {{ source('shop_' ~ code, table) }}
{%- if where %}
where {{ where }}
{%- endif %}
{%- if not loop.last %}
union all
{%- endif %}
  {%- endfor %}
{%- endmacro %}

{# A key that is unique over all shops: `017-4711`. #}
{% macro store_key(id) -%}
concat({{ lpad_store('store_id') }}, '-', {{ id }})
{%- endmacro %}

{% macro lpad_store(column) -%}
lpad({{ adapter.dispatch('as_text', 'shops')(column) }}, 3, '0')
{%- endmacro %}

{% macro default__as_text(column) %}cast({{ column }} as varchar){% endmacro %}
{% macro mysql__as_text(column) %}cast({{ column }} as char){% endmacro %}
{% macro mariadb__as_text(column) %}{{ return(shops.mysql__as_text(column)) }}{% endmacro %}

{# Rows that are newer than what an incremental model already has. #}
{% macro only_newer(column='updated_at') -%}
  {%- if is_incremental() -%}
where {{ column }} > (select coalesce(max({{ column }}), timestamp '1900-01-01 00:00:00') from {{ this }})
  {%- endif -%}
{%- endmacro %}
