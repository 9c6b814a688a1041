-- How things stand, in one row. The queue is counted up to $1, so that a long one costs no more than that.
select c.active, c.last_poll, c.failing, c.held, c.late,
       (select count(*)
          from (select from bounced.deletion_queue limit $1) as open),
       (select count(*) from bounced.live_daemons),
       f.name, f.last_error, p.paused, p.name, p.paused_because,
       (select coalesce(sum(stalls), 0) from bounced.daemons join bounced.live_daemons using (daemon_id))
  from (select count(*) filter (where active) as active,
               extract(epoch from max(last_poll_at))::bigint as last_poll,
               count(*) filter (where active and failures > 0) as failing,
               count(*) filter (where active and held_since is not null) as held,
               count(*) filter (where active and next_poll_at < now() - $2 * interval '1 s'
                                  and (claimed_by is null or next_poll_at < now() - poll_every - $2 * interval '1 s')
                                  and not exists (select from bounced.accounts a
                                                   where a.name = account and bounced.pause_end(a, 'lists') > now())) as late
          from bounced.customers) as c
  left join lateral (select name, last_error
                       from bounced.customers
                      where c.failing > 0 and active and failures > 0
                      order by failures desc, name
                      limit 1) as f on true
 cross join (select count(*) as paused, min(name) as name,
                    (array_agg(coalesce(paused_calls || ': ', '') || paused_because order by name))[1] as paused_because
               from bounced.accounts
              where paused_until > now()) as p
