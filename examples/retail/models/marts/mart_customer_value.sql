select
    c.customer_key,
    c.store_id,
    c.tier,
    count(f.order_key) as order_count,
    cast(coalesce(sum(f.revenue), 0) as decimal(16, 2)) as lifetime_revenue
from {{ ref('dim_customers') }} as c
left join {{ ref('fct_orders') }} as f on f.customer_key = c.customer_key
group by c.customer_key, c.store_id, c.tier
