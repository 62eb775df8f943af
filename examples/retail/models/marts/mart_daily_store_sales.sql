{{ config(post_hook="{{ index(this, 'ix_store_date', ['store_id', 'order_date']) }}") }}
select
    f.order_date,
    f.store_id,
    s.city,
    count(*) as order_count,
    count(distinct f.customer_key) as customer_count,
    cast(sum(f.revenue) as decimal(16, 2)) as total_revenue
from {{ ref('fct_orders') }} as f
inner join {{ ref('dim_stores') }} as s on s.store_id = f.store_id
group by f.order_date, f.store_id, s.city
