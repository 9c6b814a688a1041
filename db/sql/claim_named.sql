-- Claims those of the named customers that nobody holds, for a full poll, due or not.
-- $1 daemon; $2 names; $3 customers that this daemon polls already.
with free as (
  select c.customer_id, a.call_pauses ?| '{lists,all}' as was_paused
    from bounced.customers c
    join bounced.accounts a on a.name = c.account
   where c.name = any ($2::text[]) and c.active
     and c.customer_id <> all ($3::int[])
     and (c.claimed_by is null or c.claimed_by = $1
          or not exists (select from bounced.live_daemons d where d.daemon_id = c.claimed_by))
   for no key update of c skip locked
)
update bounced.customers c
   set claimed_by = $1, claim = nextval('bounced.claims')
  from free
 where c.customer_id = free.customer_id
returning c.customer_id, c.name, c.account, c.time_zone, c.claim, c.recent_days, true,
          extract(epoch from c.poll_every)::bigint, extract(epoch from c.full_every)::bigint,
          clock_timestamp(), 0::float8, c.failures, free.was_paused,
          c.current_bounces > 0
