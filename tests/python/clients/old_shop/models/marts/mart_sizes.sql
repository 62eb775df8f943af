select s.*, {{ dbt.length('label') }} as long_ from {{ ref('sizes') }} as s
