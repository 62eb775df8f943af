{{ config(materialized='rebuilt', alias='kept_customers',
          pre_hook=[before_begin("set @twice = 2"), {"sql": "set @thrice = 3", "transaction": False}]) }}
-- depends_on: {{ ref('sizes') }}
{% set seen = adapter.get_relation(database=this.database, schema=this.schema, identifier='sizes') %}
select c.id, c.id * @twice as twice, c.id * @thrice as thrice,
  '{{ seen.identifier if seen else '' }}' as seed,
  '{{ modules.datetime.date(2025, 1, 1).isoformat() }}' as since,
  {{ fromjson('[1, 2, 3]') | sum }} as six,
  '{{ this.schema | length > 3 }}{{ this.database }}' as of_this
from {{ ref('old_shop', 'dim_customers') }} as c
