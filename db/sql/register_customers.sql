-- Brings the configured customers' rows up to date; one that is new is due at once.
-- $1 names; $2 accounts; $3 time zones; $4 poll_every, $5 full_every in seconds; $6 recent_days;
-- $7 whether the row of an active customer may be changed
with configured as (
  select n.name, n.account, n.time_zone, make_interval(secs => n.poll_every) as poll_every,
         make_interval(secs => n.full_every) as full_every, n.recent_days
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[])
         as n (name, account, time_zone, poll_every, full_every, recent_days)
), changed as (
  update bounced.customers c
     set account = n.account, time_zone = n.time_zone, poll_every = n.poll_every, full_every = n.full_every,
         recent_days = n.recent_days, active = true,
         next_poll_at = case when c.poll_every = n.poll_every then c.next_poll_at
                             else least(c.next_poll_at,
                                        bounced.next_slot(c.customer_id, n.poll_every, clock_timestamp())) end
    from configured n
   where c.name = n.name and ($7 or not c.active)
     and (c.account, c.time_zone, c.poll_every, c.full_every, c.recent_days, c.active)
         is distinct from (n.account, n.time_zone, n.poll_every, n.full_every, n.recent_days, true)
)
-- Not "on conflict do update": that takes a number from the sequence for every customer at every start.
insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days)
select n.name, n.account, n.time_zone, n.poll_every, n.full_every, n.recent_days
  from configured n
 where not exists (select from bounced.customers c where c.name = n.name)
    on conflict (name) do nothing
