{{ config(materialized='ephemeral') }}
select day, sum(amount) as amount, count(*) as n from {{ ref('stg_orders') }} group by day
