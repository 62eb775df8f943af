select tier, count(*) from {{ ref('dim_customers') }} group by tier
