{{ config(
    unique_key='order_key',
    post_hook=[
        "{{ index(this, 'ix_order', ['order_key']) }}",
        "{{ index(this, 'ix_customer', ['customer_key']) }}",
        "{{ index(this, 'ix_store_date', ['store_id', 'order_date']) }}",
    ],
) }}
select
    o.order_key,
    o.customer_key,
    o.store_id,
    o.order_date,
    o.status,
    coalesce(t.line_count, 0) as line_count,
    coalesce(t.amount, 0) as amount,
    cast(case when s.counts_as_revenue = 1 then coalesce(t.amount, 0) else 0 end as decimal(14, 2)) as revenue,
    o.updated_at
from (select * from {{ ref('stg_orders') }} {{ only_newer() }}) as o
left join {{ ref('int_order_totals') }} as t on t.order_key = o.order_key
left join {{ ref('order_statuses') }} as s on s.status = o.status
