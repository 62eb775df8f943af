{% snapshot events_history %}
{{ config(unique_key='event_id', strategy='timestamp', updated_at='happened_at', target_schema='main') }}
select * from {{ ref('events') }}
{% endsnapshot %}
