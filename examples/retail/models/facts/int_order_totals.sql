{{ config(materialized='ephemeral') }}
select
    order_key,
    count(*) as line_count,
    cast(sum(line_amount) as decimal(14, 2)) as amount
from {{ ref('stg_order_lines') }}
group by order_key
