select {{ store_key('customer_id') }} as customer_key, shops.*
from (
    {{ union_shops('customers', ['customer_id', 'full_name', 'lower(email) as email', 'tier', 'joined_at', 'updated_at']) }}
) as shops
