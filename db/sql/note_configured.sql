-- Notes what a daemon has in its configuration. $1 daemon; $2 accounts; $3 names of customers; $4 customers whose rows
-- it disagrees with
with mine as (
  select array_agg(c.customer_id order by c.customer_id) as configured
    from unnest($3::text[]) as n (name)
    join bounced.customers c using (name)
)
update bounced.daemons d
   set accounts = $2::text[], configured = coalesce(m.configured, '{}'), disagrees = $4::int[]
  from mine m
 where d.daemon_id = $1
   and (d.accounts, d.configured, d.disagrees) is distinct from ($2::text[], coalesce(m.configured, '{}'), $4::int[])
