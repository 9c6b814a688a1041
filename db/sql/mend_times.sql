-- Times that lie further ahead than any daemon sets them: the clock was put back since. What waits for them is due.
with customers as (
  update bounced.customers c
     set next_poll_at = bounced.next_slot(c.customer_id, c.poll_every, clock_timestamp())
   where c.active and c.next_poll_at > clock_timestamp() + greatest(c.poll_every, interval '15 min') + interval '1 min'
), accounts as (
  update bounced.accounts a
     set paused_at = clock_timestamp(), paused_until = clock_timestamp()
   where a.paused_until > clock_timestamp() + interval '61 min'
), waiting as (
  -- The last of each customer's pending requests, without reading all of them.
  with recursive last as (
    (select customer_id, next_attempt_at
       from bounced.deletion_requests
      where state = 'pending'
      order by customer_id desc, next_attempt_at desc
      limit 1)
    union all
    select n.customer_id, n.next_attempt_at
      from last l
     cross join lateral (select r.customer_id, r.next_attempt_at
                           from bounced.deletion_requests r
                          where r.state = 'pending' and r.customer_id < l.customer_id
                          order by r.customer_id desc, r.next_attempt_at desc
                          limit 1) n
  )
  select customer_id from last where next_attempt_at > clock_timestamp() + interval '16 min'
)
update bounced.deletion_requests r
   set next_attempt_at = clock_timestamp()
  from waiting w
 where r.state = 'pending' and r.customer_id = w.customer_id
   and r.next_attempt_at > clock_timestamp() + interval '16 min'
