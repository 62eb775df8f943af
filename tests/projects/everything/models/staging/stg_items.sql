-- depends_on: {{ ref('countries') }}
select event_id as item_id, happened_at from {{ source('raw', 'events') }}
