select
    customers.customer_id,
    customers.customer_name,
    count(orders.order_id) as orders,
    min(orders.ordered_on) as first_order_on,
    max(orders.ordered_on) as last_order_on,
    coalesce(sum(orders.amount), 0) as amount
from {{ ref('stg_customers') }} as customers
left join {{ ref('stg_orders') }} as orders
    on orders.customer_id = customers.customer_id
group by customers.customer_id, customers.customer_name
