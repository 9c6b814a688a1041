-- Locks the customer's row if the claim still stands; with the edition of the mirror, of which all is seen from here on.
-- $1 customer; $2 daemon; $3 claim.
select c.time_zone, (select edition from bounced.mirror_edition)
  from bounced.customers c
 where c.customer_id = $1 and c.claimed_by = $2 and c.claim = $3
   for no key update
