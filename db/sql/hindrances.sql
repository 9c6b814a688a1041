-- Why nobody polls customers for this daemon now: accounts whose lists are paused, and daemons that hold customers.
-- Each with one of the customers, and how many.
-- $1 daemon; $2 names of the customers.
select a.name, min(c.name), count(*), extract(epoch from bounced.pause_end(a, 'lists'))::bigint,
       (select concat_ws(': ', p.value ->> 'kind', p.value ->> 'because')
          from jsonb_each(a.call_pauses) as p
         where p.key in ('lists', 'all')
         order by (p.value ->> 'until')::timestamptz desc
         limit 1)
  from bounced.customers c
  join bounced.accounts a on a.name = c.account
 where c.name = any ($2::text[]) and bounced.pause_end(a, 'lists') > clock_timestamp()
 group by a.name
union all
select null, min(c.name), count(*), null, format('daemon %s on %s (pid %s)', d.daemon_id, d.host, d.pid)
  from bounced.customers c
  join bounced.live_daemons l on l.daemon_id = c.claimed_by
  join bounced.daemons d on d.daemon_id = c.claimed_by
 where c.name = any ($2::text[]) and c.claimed_by <> $1
 group by d.daemon_id
