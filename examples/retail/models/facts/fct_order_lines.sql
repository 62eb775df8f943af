{{ config(unique_key=['order_key', 'line_no'], post_hook="{{ index(this, 'ix_line', ['order_key', 'line_no']) }}") }}
select order_key, line_no, product_key, store_id, quantity, unit_price, line_amount, updated_at
from {{ ref('stg_order_lines') }}
{{ only_newer() }}
