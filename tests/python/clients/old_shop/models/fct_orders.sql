{{ config(materialized='incremental', unique_key=['order_id', 'line_no'],
          post_hook=["{{ add_index(this, 'ix_order', ['order_id', 'line_no']) }}", "{{ add_index(this, 'ix_upd', ['updated_at']) }}"]) }}
select * from {{ ref('stg_orders') }}
{% if is_incremental() %}
where updated_at > (select max(updated_at) from {{ this }})
{% endif %}
