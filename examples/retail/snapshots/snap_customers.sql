{% snapshot snap_customers %}
{{ config(unique_key='customer_key', strategy='timestamp', updated_at='updated_at') }}
select customer_key, store_id, email, tier, updated_at from {{ ref('stg_customers') }}
{% endsnapshot %}
