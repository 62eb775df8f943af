select
    {{ store_key('order_id') }} as order_key,
    {{ store_key('product_id') }} as product_key,
    shops.*,
    cast(quantity * unit_price as decimal(12, 2)) as line_amount
from (
    {{ union_shops('order_lines', ['order_id', 'line_no', 'product_id', 'quantity', 'unit_price', 'updated_at']) }}
) as shops
