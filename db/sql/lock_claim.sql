-- Locks the customer's row if the claim still stands. $1 customer; $2 daemon; $3 claim.
select c.time_zone
  from bounced.customers c
 where c.customer_id = $1 and c.claimed_by = $2 and c.claim = $3
   for no key update
