{{ config(severity='warn', tags=['money']) }}
select * from {{ ref('orders') }} where amount < 0
