-- Merges a list that may lack bounces (a recent one, or one with unreadable entries), staged in pg_temp.staged: it adds
-- and updates, and makes nothing gone. $1 customer; $2 when the list was asked for.
with listed as (
  select distinct on (email, coalesce(bounced_at, '-infinity')) email, bounced_at, status, reason
    from pg_temp.staged
   order by email, coalesce(bounced_at, '-infinity'), status, reason
), difference as materialized (
  select m.bounce_id, l.email, l.bounced_at, l.status, l.reason
    from listed l
    left join bounced.mirror m on m.customer_id = $1 and m.gone_at is null and m.email = l.email
                              and coalesce(m.bounced_at, '-infinity') = coalesce(l.bounced_at, '-infinity')
   where m.bounce_id is null or (l.status, l.reason) is distinct from (m.status, m.reason)
), added as (
  insert into bounced.mirror (customer_id, email, bounced_at, status, reason, first_seen_at, last_seen_at)
  select $1, email, bounced_at, status, reason, $2, $2 from difference where bounce_id is null
  returning 1
), changed as (
  update bounced.mirror m
     set status = d.status, reason = d.reason
    from difference d
   where m.customer_id = $1 and m.bounce_id = d.bounce_id
  returning 1
)
select (select count(*) from added), (select count(*) from changed), 0::bigint, 0::bigint, false, 0::bigint
