select
    l.store_id,
    p.category,
    sum(l.quantity) as units,
    cast(sum(l.line_amount) as decimal(16, 2)) as amount
from {{ ref('fct_order_lines') }} as l
inner join {{ ref('dim_products') }} as p on p.product_key = l.product_key
group by l.store_id, p.category
