{# How many parts a spine from one date to the other has: asked of the database, because the dates are SQL. #}
{% macro get_intervals_between(start_date, end_date, datepart) -%}
  {{ return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) }}
{%- endmacro %}

{% macro default__get_intervals_between(start_date, end_date, datepart) -%}
  {%- call statement('get_intervals_between', fetch_result=true) -%}
    select {{ datediff(start_date, end_date, datepart) }} as intervals
  {%- endcall -%}
  {%- set result = load_result('get_intervals_between') -%}
  {%- if result and result['data'] -%}
    {%- do return(result['data'][0][0]) -%}
  {%- endif -%}
  {{ return(1) }}
{%- endmacro %}

{# One row per part, the end not included unless it starts one. #}
{% macro date_spine(datepart, start_date, end_date) %}
  {{ return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) }}
{% endmacro %}

{% macro default__date_spine(datepart, start_date, end_date) %}
with dbt_spine_numbers as (
    {{ generate_series(get_intervals_between(start_date, end_date, datepart)) }}
),
dbt_spine_dates as (
    select {{ dateadd(datepart, 'generated_number - 1', start_date) }} as date_{{ datepart }}
    from dbt_spine_numbers
)
select *
from dbt_spine_dates
where date_{{ datepart }} <= {{ end_date }}
{% endmacro %}
