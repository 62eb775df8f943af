select
    {{ store_key('order_id') }} as order_key,
    {{ store_key('customer_id') }} as customer_key,
    shops.*,
    cast(ordered_at as date) as order_date
from (
    {{ union_shops('orders', ['order_id', 'customer_id', 'status', 'ordered_at', 'updated_at']) }}
) as shops
