{# The smallest n with 2^n not below the bound. #}
{% macro get_powers_of_two(upper_bound) %}
  {{ return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) }}
{% endmacro %}

{% macro default__get_powers_of_two(upper_bound) %}
  {%- if upper_bound <= 0 -%}
    {%- do exceptions.raise_compiler_error('a series needs an upper bound above 0, not `' ~ upper_bound ~ '`') -%}
  {%- endif -%}
  {%- for power in range(1, 100) if upper_bound <= 2 ** power -%}
    {%- do return(power) -%}
  {%- endfor -%}
{% endmacro %}

{# The numbers 1 to `upper_bound`, in the column generated_number. #}
{% macro generate_series(upper_bound) %}
  {{ return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) }}
{% endmacro %}

{% macro default__generate_series(upper_bound) %}
  {%- set bits = get_powers_of_two(upper_bound) %}
with dbt_bit as (
    select 0 as bit union all select 1
),
dbt_series as (
    select
        {%- for i in range(bits) %}
        b{{ i }}.bit * {{ 2 ** i }} +
        {%- endfor %} 1 as generated_number
    from dbt_bit as b0
    {%- for i in range(1, bits) %}
    cross join dbt_bit as b{{ i }}
    {%- endfor %}
)
select generated_number
from dbt_series
where generated_number <= {{ upper_bound }}
order by generated_number
{% endmacro %}
