-- Active customers with pending requests, and in how many seconds the first of each may be sent. It hops from customer
-- to customer in the index instead of reading all requests.
with recursive waiting as (
  (select customer_id, next_attempt_at
     from bounced.deletion_queue
    where state = 'pending'
    order by customer_id, next_attempt_at, request_id
    limit 1)
  union all
  select n.customer_id, n.next_attempt_at
    from waiting w
   cross join lateral (
         select r.customer_id, r.next_attempt_at
           from bounced.deletion_queue r
          where r.state = 'pending' and r.customer_id > w.customer_id
          order by r.customer_id, r.next_attempt_at, r.request_id
          limit 1) n
)
select w.customer_id, c.name, c.account,
       extract(epoch from greatest(w.next_attempt_at, bounced.pause_end(a, 'deletions'),
                                   case when bounced.deletions_left(a) = 0
                                        then (((now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC')
                                   end) - clock_timestamp())::float8,
       a.daily_limit is not null
  from waiting w
  join bounced.customers c using (customer_id)
  join bounced.accounts a on a.name = c.account
 where c.active
 order by w.customer_id
