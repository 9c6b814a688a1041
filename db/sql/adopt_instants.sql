-- A list whose times are instants is about to be merged, of a customer whose lists had local times before. When clocks are
-- put back, a local time is read as one of two instants, and the list may tell that it was the other: that makes no other
-- bounce of it. $1 customer; $2 the time zone
with other as (
  select distinct email, bounced_at, (bounced_at at time zone $2) at time zone $2 as was_read_as
    from pg_temp.staged
   where (bounced_at at time zone $2) at time zone $2 <> bounced_at
)
update bounced.mirror m
   set bounced_at = o.bounced_at
  from other o
 where m.customer_id = $1 and m.gone_at is null and m.email = o.email
   and coalesce(m.bounced_at, '-infinity') = o.was_read_as
   and not exists (select from pg_temp.staged s where s.email = o.email and s.bounced_at = o.was_read_as)
   and not exists (select from bounced.mirror t
                    where t.customer_id = $1 and t.gone_at is null and t.email = o.email
                      and coalesce(t.bounced_at, '-infinity') = o.bounced_at)
