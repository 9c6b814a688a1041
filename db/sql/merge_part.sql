-- Merges a list that may lack bounces (a recent one, or one with unreadable entries), staged in pg_temp.staged: it adds
-- and updates, and makes nothing gone. $1 customer; $2 when the list was asked for;
-- $3 the fingerprint of the rules by which it was classified.
with rules as materialized (
  -- 0: no daemon has registered with them.
  select coalesce(max(version), 0) as version from bounced.class_rules where fingerprint = $3
), listed as (
  select distinct on (email, coalesce(bounced_at, '-infinity')) *
    from pg_temp.staged
   order by email, coalesce(bounced_at, '-infinity'), status, reason
), difference as materialized (
  select m.bounce_id, l.email, l.bounced_at, l.status, l.reason, l.class, l.reason_key
    from listed l
    left join bounced.mirror m on m.customer_id = $1 and m.gone_at is null and m.email = l.email
                              and coalesce(m.bounced_at, '-infinity') = coalesce(l.bounced_at, '-infinity')
   where m.bounce_id is null or (l.status, l.reason) is distinct from (m.status, m.reason)
), lately as materialized (
  -- Addresses that requests took off the list after it was asked for, or so shortly before that the API may not yet have
  -- noticed everywhere.
  select email, max(finished_at) as finished_at
    from bounced.deletion_history
   where customer_id = $1 and state = 'done' and finished_at > $2::timestamptz - interval '10 min'
   group by email
), fresh as (
  -- Deletions win over lists that are older: what they took off does not come back, and what was not known comes in as
  -- gone already.
  select d.email, d.bounced_at, d.status, d.reason, d.class, d.reason_key,
         case when l.finished_at > $2 then l.finished_at end as gone_at,
         coalesce(e.nth, 0) + row_number() over same as nth
    from difference d
    left join lately l on l.email = d.email
    left join lateral (select max(m.nth) as nth
                         from bounced.mirror m
                        where m.email = d.email and m.customer_id = $1) e on true
   where d.bounce_id is null
     and (l.email is null
          or not exists (select from bounced.mirror m
                          where m.customer_id = $1 and m.email = d.email and m.gone_at is not null
                            and coalesce(m.bounced_at, '-infinity') = coalesce(d.bounced_at, '-infinity')))
  window same as (partition by d.email order by coalesce(d.bounced_at, '-infinity'))
), added as (
  insert into bounced.mirror (customer_id, email, bounced_at, status, reason, first_seen_at, last_seen_at, gone_at,
                              gone_because, class, class_rules, reason_key, nth)
  select $1, email, bounced_at, status, reason, $2, $2, gone_at, case when gone_at is not null then 'deleted' end,
         class, (select version from rules), reason_key, least(nth, 32767)
    from fresh
  returning 1
), changed as (
  update bounced.mirror m
     set status = d.status, reason = d.reason, class = d.class, class_rules = (select version from rules),
         reason_key = d.reason_key
    from difference d
   where m.customer_id = $1 and m.bounce_id = d.bounce_id
  returning 1
)
select (select count(*) from added), (select count(*) from changed), 0::bigint, 0::bigint, false, 0::bigint,
       false
