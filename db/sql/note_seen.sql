-- Notes in the rows themselves that a list which does not move customers.last_full_at has them, where what is known is
-- older than so many seconds. $1 customer; $2 when the list was asked for; $3 seconds.
update bounced.mirror m
   set last_seen_at = $2
  from pg_temp.staged s, bounced.customers c
 where c.customer_id = $1
   and m.customer_id = $1 and m.gone_at is null and m.email = s.email
   and coalesce(m.bounced_at, '-infinity') = coalesce(s.bounced_at, '-infinity')
   and greatest(m.last_seen_at, c.last_full_at) < $2::timestamptz - make_interval(secs => $3)
