{% macro cents(amount) %}100 * ({{ amount }}){% endmacro %}

{% macro note_run() %}
  insert into {{ target.schema }}.audit values (current_timestamp)
{% endmacro %}

{% test has_rows(model) %}
select 1 as nothing where not exists (select 1 from {{ model }})
{% endtest %}
