{{ config(materialized='incremental', unique_key='order_id', incremental_strategy='delete+insert', pre_hook="select 1 as before") }}
select
  o.order_id, o.customer_id, c.name, o.amount, o.ordered_on
from {{ ref('stg_orders') }} as o
join {{ ref('stg_customers') }} as c on c.customer_id = o.customer_id
{% if is_incremental() %}
where o.ordered_on > (select max(ordered_on) from {{ this }})
{% endif %}
