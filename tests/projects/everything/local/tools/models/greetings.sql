select {{ greet('all') }} as greeting
