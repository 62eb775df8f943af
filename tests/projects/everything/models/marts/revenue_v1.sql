select customer_id, cast(sum(amount) as double) as revenue from {{ ref('orders') }} group by 1
