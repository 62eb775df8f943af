{{ config(post_hook="{{ index(this, 'ix_store', ['store_id']) }}") }}
select store_id, store_code, city, region, opened_on
from {{ ref('stores') }}
where store_id <= {{ var('store_count') }}
