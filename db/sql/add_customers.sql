-- Adds customers that are new: they are due at once. (An empty time zone: times of their lists need none.)
-- $1 names; $2 accounts; $3 time zones; $4 poll_every, $5 full_every in seconds; $6 recent_days
insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days)
select n.name, n.account, n.time_zone, make_interval(secs => n.poll_every), make_interval(secs => n.full_every),
       n.recent_days
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[])
       as n (name, account, time_zone, poll_every, full_every, recent_days)
-- Not "on conflict do nothing": that takes a number from the sequence for every customer at every start.
 where not exists (select from bounced.customers c where c.name = n.name)
