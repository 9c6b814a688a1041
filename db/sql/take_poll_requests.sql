-- Notes in customers' rows that people asked for polls. Where a row is locked, by a merge for instance, a moment later. A
-- request counts from now: until its transaction ended, nobody could see it, and a list may have been asked for
-- meanwhile. $1 accounts
with free as (
  select c.customer_id
    from bounced.customers c
   where c.customer_id in (select customer_id from bounced.poll_requests)
     and c.account = any ($1::text[])
     for no key update of c skip locked
), taken as (
  delete from bounced.poll_requests r
   using free f
   where r.customer_id = f.customer_id
  returning r.customer_id
)
update bounced.customers c
   set full_asked_at = greatest(c.full_asked_at, clock_timestamp()), next_poll_at = least(c.next_poll_at, now())
 where c.customer_id in (select customer_id from taken)
