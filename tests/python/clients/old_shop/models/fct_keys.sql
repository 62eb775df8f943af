{{ config(materialized='incremental', unique_key='order_key') }}
select order_key, sku, 'fixed' as origin, concat(sku, '/', order_id) as code, updated_at from {{ ref('stg_orders') }}
{% if is_incremental() and not flags.FULL_REFRESH %}
where updated_at > (select coalesce(max(updated_at), '{{ var("first_day") }}') from {{ this }})
{% endif %}
