-- Times that lie further ahead than any daemon sets them: the clock was put back since. What waits for them is due. What
-- is locked is mended the next time.
with customers as (
  select c.customer_id
    from bounced.customers c
   where c.active
     and (c.next_poll_at > clock_timestamp() + interval '5 s'
                           + case when c.failures = 0 then c.poll_every else greatest(c.poll_every, interval '15 min') end
          or c.failures > 0 and c.next_poll_at > clock_timestamp() and c.last_error_at > clock_timestamp() + interval '5 s')
     for no key update of c skip locked
), mended_customers as (
  update bounced.customers c
     set next_poll_at = bounced.next_slot(c.customer_id, c.poll_every, clock_timestamp())
    from customers m
   where c.customer_id = m.customer_id
), pauses as (
  -- A pause that begins in the future could be neither ended nor made longer until then.
  select a.name, array_agg(p.key) as keys
    from bounced.accounts a
   cross join lateral jsonb_each(a.call_pauses) as p
   where (p.value ->> 'at')::timestamptz > clock_timestamp() + interval '5 s'
      or (p.value ->> 'until')::timestamptz > clock_timestamp() + interval '61 min'
   group by a.name
), accounts as (
  select a.name, p.keys
    from pauses p
    join bounced.accounts a using (name)
     for no key update of a skip locked
), mended_accounts as (
  update bounced.accounts a
     set call_pauses = a.call_pauses - m.keys
    from accounts m
   where a.name = m.name
), waiting as (
  -- The last of each customer's pending requests, without reading all of them.
  with recursive last as (
    (select customer_id, next_attempt_at
       from bounced.deletion_queue
      where state = 'pending'
      order by customer_id desc, next_attempt_at desc
      limit 1)
    union all
    select n.customer_id, n.next_attempt_at
      from last l
     cross join lateral (select r.customer_id, r.next_attempt_at
                           from bounced.deletion_queue r
                          where r.state = 'pending' and r.customer_id < l.customer_id
                          order by r.customer_id desc, r.next_attempt_at desc
                          limit 1) n
  )
  select customer_id from last where next_attempt_at > clock_timestamp() + interval '16 min'
), requests as (
  -- Customer by customer: a join would read the whole queue.
  select r.request_id
    from waiting w
   cross join lateral (select q.request_id
                         from bounced.deletion_queue q
                        where q.state = 'pending' and q.customer_id = w.customer_id
                          and q.next_attempt_at > clock_timestamp() + interval '16 min'
                        order by q.next_attempt_at desc
                        limit 1000
                          for no key update skip locked) r
)
update bounced.deletion_queue r
   set next_attempt_at = clock_timestamp()
  from requests m
 where r.request_id = m.request_id
