-- Claims customers that are due, of accounts that are not paused, the longest due first.
-- $1 daemon; $2, $3: accounts and how many each may have; $4: how many in all; $5: customers that this daemon
-- polls already or leaves alone. A claim of its own besides is one whose answer or whose release was lost.
with free as (
  select * from unnest($2::text[], $3::int[]) as f (account, places)
), due as (
  select d.customer_id, a.call_pauses ?| '{lists,all}' as was_paused
    from free f
    join bounced.accounts a on a.name = f.account and coalesce(bounced.pause_end(a, 'lists') <= now(), true)
   cross join lateral (
         select c.customer_id, c.next_poll_at
           from bounced.customers c
          where c.account = f.account and c.active and c.next_poll_at <= now()
            and c.customer_id <> all ($5::int[])
            and (c.claimed_by is null or c.claimed_by = $1
                 or not exists (select from bounced.live_daemons d where d.daemon_id = c.claimed_by))
          order by c.next_poll_at
          limit f.places
            for no key update of c skip locked) d
   order by d.next_poll_at
   limit $4
)
update bounced.customers c
   set claimed_by = $1, claim = nextval('bounced.claims')
  from due
 where c.customer_id = due.customer_id
returning c.customer_id, c.name, c.account, c.time_zone, c.claim, c.recent_days,
          c.recent_days = 0 or c.last_full_at is null or c.full_asked_at is not null
            or c.last_full_at + c.full_every <= now(),
          extract(epoch from c.poll_every)::bigint, extract(epoch from c.full_every)::bigint,
          clock_timestamp(), extract(epoch from now() - c.next_poll_at)::float8, c.failures, due.was_paused,
          c.current_bounces > 0
