select
  cast(customer_id as integer) as customer_id,
  cast(sum(amount) as double) as revenue,
  cast({{ cents('sum(amount)') }} as bigint) as cents
from {{ ref('orders') }} group by 1
