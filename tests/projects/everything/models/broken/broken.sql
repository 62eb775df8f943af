select * from nowhere_to_be_found
