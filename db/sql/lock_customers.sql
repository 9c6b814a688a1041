-- Those of the customers that nobody else is merging a list of, or ending requests of. $1 customers
select customer_id
  from bounced.customers
 where customer_id = any ($1::int[])
   for no key update skip locked
