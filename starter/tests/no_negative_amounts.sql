-- A test passes if it finds no row.
select customer_id, amount
from {{ ref('customers') }}
where amount < 0
