{{ config(materialized='ephemeral') }}
select
  1 as order_id, 1 as customer_id, 10.5 as amount, date '{{ var("first_day") }}' as ordered_on
union all
select 2, 2, 20, date '2025-01-02'
