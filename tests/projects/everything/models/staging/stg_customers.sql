select 1 as customer_id, 'de' as country_code, 'Ann' as name
union all
select 2, 'fr', 'Bob'
