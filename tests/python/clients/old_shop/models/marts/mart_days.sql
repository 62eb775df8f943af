with days as (select * from {{ ref('eph_days') }})
select d.day, d.amount, d.n, k.codes
from days as d
left join (
  select cast(f.ordered_at as date) as day, group_concat(k.code order by k.code separator ';') as codes
  from {{ ref('fct_orders') }} as f join {{ ref('fct_keys') }} as k on k.order_key = f.order_key
  group by cast(f.ordered_at as date)
) as k on k.day = d.day
