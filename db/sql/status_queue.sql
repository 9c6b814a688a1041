-- What is not done, by customer, and what it waits for.
with open as (
  select customer_id, count(*) filter (where state = 'pending') as pending,
         count(*) filter (where state = 'sending') as sending,
         min(requested_at) as oldest, min(next_attempt_at) filter (where state = 'pending') as next_attempt,
         min(last_error) as last_error
    from bounced.deletion_queue
   group by customer_id
), failed as (
  select customer_id, count(*) as failed, min(last_error) as last_error
    from bounced.deletion_history
   where state = 'failed'
   group by customer_id
)
select c.name, coalesce(o.pending, 0), coalesce(o.sending, 0), coalesce(f.failed, 0),
       coalesce(o.last_error, f.last_error),
       to_char(o.oldest, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - o.oldest)::float8,
       to_char(o.next_attempt, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - o.next_attempt)::float8,
       case when coalesce(o.pending, 0) = 0 then ''
            when not c.active then 'inactive'
            when bounced.pause_end(a, 'deletions') > now() then 'paused'
            when bounced.deletions_left(a) = 0 then 'daily limit'
            when o.next_attempt > now() then 'retry'
            else '' end
  from open o
  full join failed f using (customer_id)
  join bounced.customers c using (customer_id)
  join bounced.accounts a on a.name = c.account
 order by c.name
