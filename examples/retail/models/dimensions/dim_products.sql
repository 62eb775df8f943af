{{ config(post_hook="{{ index(this, 'ix_product', ['product_key']) }}") }}
select product_key, store_id, title, category, list_price, is_active
from {{ ref('stg_products') }}
