-- Makes customers' rows say what the configuration says. $1 customers that may be changed; $2 names; $3 accounts;
-- $4 time zones; $5 poll_every, $6 full_every in seconds; $7 recent_days
update bounced.customers c
   set account = n.account, time_zone = coalesce(nullif(n.time_zone, ''), c.time_zone), poll_every = n.poll_every, full_every = n.full_every,
       recent_days = n.recent_days, active = true,
       next_poll_at = case when c.poll_every = n.poll_every then c.next_poll_at
                           else least(c.next_poll_at,
                                      bounced.next_slot(c.customer_id, n.poll_every, clock_timestamp())) end
  from (select n.name, n.account, n.time_zone, make_interval(secs => n.poll_every) as poll_every,
               make_interval(secs => n.full_every) as full_every, n.recent_days
          from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::int[])
               as n (name, account, time_zone, poll_every, full_every, recent_days)) n
 where c.customer_id = any ($1::int[]) and c.name = n.name
