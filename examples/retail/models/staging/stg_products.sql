select {{ store_key('product_id') }} as product_key, shops.*
from (
    {{ union_shops('products', ['product_id', 'title', 'category', 'list_price', 'is_active', 'updated_at']) }}
) as shops
