{{ config(severity='error', tags=['sum']) }}
select * from (
  select (select sum(amount) from {{ ref('mart_days') }}) as a, (select sum(amount) from {{ ref('fct_orders') }}) as b
) as sums where a <> b
