{# MariaDB has no hash join unless it is told to: it would compare every child with every parent where no index fits, as in
   views with keys of their own. It keeps what `in` looks through, and finds in it. #}
{% macro mariadb__test_relationships(model, column_name, to, field) %}
with child as (
    select {{ column_name }} as from_field
    from {{ model }}
    where {{ column_name }} is not null
),
parent as (
    select {{ field }} as to_field
    from {{ to }}
    where {{ field }} is not null
)
select from_field
from child
where from_field not in (select to_field from parent)
{% endmacro %}
