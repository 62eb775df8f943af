{{ config(post_hook="{{ index(this, 'ix_customer', ['customer_key']) }}") }}
select
    c.customer_key,
    c.store_id,
    c.full_name,
    c.tier,
    cast(c.joined_at as date) as joined_on,
    s.region
from {{ ref('stg_customers') }} as c
inner join {{ ref('dim_stores') }} as s on s.store_id = c.store_id
