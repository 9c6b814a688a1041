-- Requests that nobody is sending are pending again. $1 daemon; $2 claims that it has in hand
with lost as materialized (
  select r.request_id, r.customer_id, r.claimed_at
    from bounced.deletion_queue r
   where r.state = 'sending'
     and case when r.claimed_by = $1 then r.claim <> all ($2::bigint[])
              else not exists (select from bounced.live_daemons d where d.daemon_id = r.claimed_by) end
     for no key update of r skip locked
), given_back as (
  update bounced.accounts a
     set deletions_count = greatest(0, a.deletions_count - n.requests)
    from (select l.name, count(*) as requests
            from lost r
            join bounced.customers c on c.customer_id = r.customer_id
            join bounced.accounts l on l.name = c.account and l.daily_limit is not null
                                   and l.deletions_day = (r.claimed_at at time zone 'UTC')::date
           group by l.name) n
   where a.name = n.name
)
update bounced.deletion_queue r
   set state = 'pending', claimed_by = null, interruptions = r.interruptions + 1,
       unsure_since = coalesce(r.unsure_since, r.claimed_at)
  from lost l
 where r.request_id = l.request_id
