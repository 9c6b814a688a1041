-- How many live daemons, this one among them, have each of its accounts, and how many of those come before it.
-- $1 daemon
select a.account, count(*) filter (where d.daemon_id <> $1) + 1, count(*) filter (where d.daemon_id < $1)
  from bounced.daemons me
 cross join unnest(me.accounts) as a (account)
  left join bounced.live_daemons d on a.account = any (d.accounts)
 where me.daemon_id = $1
 group by a.account
