-- Claims requests that are due. $1 daemon; lanes: $2 customers, $3 and $4 the places after which to look, $5 how
-- many, $6 their accounts.
with lane as (
  select *, row_number() over () as turn
    from unnest($2::int[], $3::timestamptz[], $4::bigint[], $5::int[], $6::text[])
         as l (customer_id, after_at, after_id, places, account)
), found as (
  select r.request_id, a.name as account, l.turn, r.round, bounced.deletions_left(a) as left_today
    from lane l
    join bounced.customers c on c.customer_id = l.customer_id and c.active and c.account = l.account
    join bounced.accounts a on a.name = c.account and coalesce(bounced.pause_end(a, 'deletions') <= now(), true)
   cross join lateral (
         select p.request_id, row_number() over () as round
           from (select q.request_id
                   from bounced.deletion_queue q
                  where q.state = 'pending' and q.customer_id = l.customer_id
                    and (q.next_attempt_at, q.request_id) > (l.after_at, l.after_id)
                    and q.next_attempt_at <= now()
                  order by q.next_attempt_at, q.request_id
                  limit least(l.places, bounced.deletions_left(a))
                    for no key update skip locked) p) r
), within_limit as (
  select request_id, account, left_today
    from (select f.*, row_number() over (partition by account order by round, turn) as nth from found f) f
   where left_today is null or nth <= left_today
), counted as (
  update bounced.accounts a
     set deletions_day = (now() at time zone 'UTC')::date,
         deletions_count = n.requests
                           + case when deletions_day = (now() at time zone 'UTC')::date then deletions_count else 0 end
    from (select account, count(*) as requests from within_limit where left_today is not null group by account) n
   where a.name = n.account
)
update bounced.deletion_queue r
   set state = 'sending', claimed_by = $1, claim = nextval('bounced.claims'), claimed_at = clock_timestamp()
  from within_limit w
 where r.request_id = w.request_id
returning r.request_id, r.customer_id, r.email, r.attempts, r.interruptions, r.claim, r.claimed_at, r.next_attempt_at
