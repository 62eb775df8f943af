select c.id, c.full_name, c.email, c.tier, c.balance, c.born, {{ dbt.hash('c.email') }} as email_hash,
  {% for tier in tiers() %}case when c.tier = '{{ tier }}' then 1 else 0 end as is_{{ tier }}, {% endfor %}
  upper(c.full_name) as shouted
from {{ source('raw', 'customers') }} as c
