{% snapshot snap_customers %}
{{ config(unique_key='id', strategy='timestamp', updated_at='updated_at') }}
select * from {{ source('raw', 'customers') }}
{% endsnapshot %}
{% snapshot snap_lines %}
{{ config(unique_key="concat(order_id, '-', line_no)", strategy='check', check_cols=['quantity', 'price']) }}
select * from {{ source('raw', 'orders') }}
{% endsnapshot %}
{% snapshot snap_all %}
{{ config(unique_key='id', strategy='check', check_cols='all') }}
select id, full_name, email, tier, balance, born from {{ source('raw', 'customers') }}
{% endsnapshot %}
