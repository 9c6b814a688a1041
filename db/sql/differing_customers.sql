-- Of the configured customers those whose rows say something else, and whether they may be changed: not while another
-- live daemon polls by the row.
-- $1 names; $2 accounts; $3 time zones; $4 poll_every, $5 full_every in seconds; $6 recent_days; $7 daemon; $8 whether
-- they may be changed in any case. An empty time zone agrees with each: the times of such lists need none.
select c.customer_id, c.name, c.time_zone, z.time_zone,
       $8 or not c.active
       or (c.customer_id not in (select s.customer_id
                                   from bounced.live_daemons d
                                  cross join lateral (select unnest(d.configured) except select unnest(d.disagrees))
                                        as s (customer_id)
                                  where d.daemon_id <> $7)
           and not exists (select from bounced.live_daemons d where d.daemon_id <> $7 and d.configured is null)),
       concat_ws(', ',
                 case when c.account <> n.account then format('its account is %s, here %s', c.account, n.account) end,
                 case when c.time_zone <> z.time_zone
                      then format('its time zone is %s, here %s', c.time_zone, z.time_zone) end,
                 case when c.poll_every <> n.poll_every
                      then format('it is polled every %s, here every %s', c.poll_every, n.poll_every) end,
                 case when (c.full_every, c.recent_days) <> (n.full_every, n.recent_days)
                      then 'its full_every or recent_days are others than here' end)
  from (select n.name, n.account, n.time_zone, make_interval(secs => n.poll_every) as poll_every,
               make_interval(secs => n.full_every) as full_every, n.recent_days
          from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[])
               as n (name, account, time_zone, poll_every, full_every, recent_days)) n
  join bounced.customers c using (name)
 cross join lateral (select coalesce(nullif(n.time_zone, ''), c.time_zone) as time_zone) z
 where (c.account, c.time_zone, c.poll_every, c.full_every, c.recent_days, c.active)
       is distinct from (n.account, z.time_zone, n.poll_every, n.full_every, n.recent_days, true)
 order by c.customer_id
