{# Both sides in one result; they are compared as sets of rows afterwards. #}
{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {{ return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) }}
{%- endmacro %}

{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
with dbt_internal_unit_test_actual as (
    select {{ expected_column_names | join(', ') }}, 'actual' as actual_or_expected
    from (
{{ main_sql }}
    ) as _dbt_internal_unit_test_actual
),
dbt_internal_unit_test_expected as (
    select {{ expected_column_names | join(', ') }}, 'expected' as actual_or_expected
    from (
{{ expected_fixture_sql }}
    ) as _dbt_internal_unit_test_expected
)
select * from dbt_internal_unit_test_actual
union all
select * from dbt_internal_unit_test_expected
{%- endmacro %}
