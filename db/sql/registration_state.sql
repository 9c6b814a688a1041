-- The live daemons, and how often each has changed something: while it is the same, there is nothing to compare.
select coalesce(string_agg(d.daemon_id || ':' || d.registrations, ' ' order by d.daemon_id), '')
  from bounced.daemons d
  join bounced.live_daemons l using (daemon_id)
