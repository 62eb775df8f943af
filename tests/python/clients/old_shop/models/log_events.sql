{{ config(materialized='incremental') }}
select id, kind, payload, at from {{ source('raw', 'events') }}
{% if adapter.already_exists(this.schema, this.name) and not var('again', false) %}
where id > (select coalesce(max(id), 0) from {{ this }})
{% endif %}
