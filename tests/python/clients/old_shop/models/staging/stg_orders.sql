select {{ old_utils.surrogate_key(['order_id', 'line_no']) }} as order_key, o.*,
  cast(quantity * price as decimal(14,2)) as amount, cast(ordered_at as date) as day
from {{ source('raw', 'orders') }} as o
