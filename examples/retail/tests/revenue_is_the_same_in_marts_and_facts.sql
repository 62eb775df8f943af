select m.revenue, f.revenue as fact_revenue
from (select sum(total_revenue) as revenue from {{ ref('mart_daily_store_sales') }}) as m
cross join (select sum(revenue) as revenue from {{ ref('fct_orders') }}) as f
where m.revenue <> f.revenue
