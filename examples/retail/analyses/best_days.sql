select order_date, sum(total_revenue) as revenue
from {{ ref('mart_daily_store_sales') }}
group by order_date
order by revenue desc
limit 10
