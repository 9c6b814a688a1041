-- The first list with instants is about to be merged, of a customer whose lists had local times before. A time that was
-- read in a wrong zone, or as the other one of the two that it may be when clocks are put back, makes no other bounce:
-- what is current and not on the list takes the instant of what is on the list and not current, where that is the same
-- address and the two are as far apart as time zones are. $1 customer
with listed as (
  select distinct email, bounced_at
    from pg_temp.staged
   where bounced_at is not null
), fresh as (
  select email, bounced_at
    from listed l
   where not exists (select from bounced.mirror m
                      where m.customer_id = $1 and m.gone_at is null and m.email = l.email
                        and coalesce(m.bounced_at, '-infinity') = l.bounced_at)
), pairs as (
  select m.bounce_id, f.bounced_at,
         row_number() over (partition by m.bounce_id order by d.apart, f.bounced_at) as choice,
         row_number() over (partition by f.email, f.bounced_at order by d.apart, m.bounce_id) as rival
    from fresh f
    join bounced.mirror m on m.customer_id = $1 and m.gone_at is null and m.email = f.email
   cross join lateral (select abs(extract(epoch from f.bounced_at - m.bounced_at))::bigint as apart) d
   where not exists (select from listed l where l.email = m.email and l.bounced_at = m.bounced_at)
     -- From -12 to +14 hours, in steps of a quarter.
     and d.apart <= 26 * 3600 and d.apart % 900 = 0
)
update bounced.mirror m
   set bounced_at = p.bounced_at
  from pairs p
 where m.customer_id = $1 and m.bounce_id = p.bounce_id and p.choice = 1 and p.rival = 1
