-- Merges a complete full list, staged in pg_temp.staged, into the mirror: what is new comes in, what differs is brought
-- up to date, what the list lacks becomes gone, unless the shrink guard holds that back.
-- $1 customer; $2 when the list was asked for; $3 whether only parts of it are staged, with the ids of what is current in
-- those parts in pg_temp.staged_known: a list that is the same in all others, and at most half of what is current;
-- $4 whether it was read by ranges of time, so that it shows nothing of entries that have none: these stay;
-- $5 the fingerprint of the rules by which it was classified.
with rules as materialized (
  -- 0: no daemon has registered with them.
  select coalesce(max(version), 0) as version from bounced.class_rules where fingerprint = $5
), listed as (
  -- Of entries with the same identity the least one counts, at every poll the same.
  select distinct on (email, coalesce(bounced_at, '-infinity')) *
    from pg_temp.staged
   order by email, coalesce(bounced_at, '-infinity'), status, reason
), known as (
  select bounce_id, email, bounced_at, status, reason
    from bounced.mirror
   where customer_id = $1 and gone_at is null and not $3
  union all
  select m.bounce_id, m.email, m.bounced_at, m.status, m.reason
    from pg_temp.staged_known s
    join bounced.mirror m on m.customer_id = $1 and m.bounce_id = s.bounce_id
   where m.gone_at is null and $3
), difference as materialized (
  select k.bounce_id, l.email is not null as is_listed, coalesce(l.email, k.email) as email,
         coalesce(l.bounced_at, k.bounced_at) as bounced_at, l.status, l.reason, l.class,
         l.reason_key, l.email is null and k.bounced_at is null and $4 as stays
    from listed l
    full join known k on k.email = l.email
                     and coalesce(k.bounced_at, '-infinity') = coalesce(l.bounced_at, '-infinity')
   where l.email is null or k.bounce_id is null or (l.status, l.reason) is distinct from (k.status, k.reason)
), lacking as (
  select count(*) as rows from difference where not is_listed and not stays
), guard as materialized (
  -- More than half of at least 20 is more than 10: only then are the current rows worth counting.
  select case when l.rows > 10 and c.held_since is null
              then (select count(*) >= 20 and l.rows * 2 > count(*)
                      from bounced.mirror
                     where customer_id = $1 and gone_at is null)
              else false
         end as holds
    from lacking l, bounced.customers c
   where c.customer_id = $1
), superseded as (
  select d.bounce_id
    from difference d
   where not d.is_listed and not d.stays
     and exists (select from pg_temp.staged s
                  where s.email = d.email
                    and coalesce(s.bounced_at, '-infinity') > coalesce(d.bounced_at, '-infinity'))
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
  returning gone_at
), changed as (
  update bounced.mirror m
     set status = d.status, reason = d.reason, class = d.class, class_rules = (select version from rules),
         reason_key = d.reason_key
    from difference d
   where m.customer_id = $1 and m.bounce_id = d.bounce_id and d.is_listed
  returning 1
), refused as materialized (
  -- Requests that were refused at last, though an earlier call may have been carried out.
  select email, max(finished_at) as finished_at
    from bounced.deletion_history
   where customer_id = $1 and state = 'failed' and unsure_since is not null
   group by email
), gone as (
  update bounced.mirror m
     set gone_at = greatest($2, m.last_seen_at, c.last_full_at),
         last_seen_at = greatest(m.last_seen_at, c.last_full_at),
         gone_because = case when s.bounce_id is not null then 'superseded'
                             -- This is the first whole list since.
                             when r.finished_at >= c.last_full_at then 'deleted'
                             else 'disappeared'
                        end
    from difference d
    join guard g on not g.holds
    join bounced.customers c on c.customer_id = $1
    left join superseded s on s.bounce_id = d.bounce_id
    left join refused r on r.email = d.email
   where m.customer_id = $1 and m.bounce_id = d.bounce_id and not d.is_listed and not d.stays
  returning gone_because
)
select (select count(*) from added), (select count(*) from changed),
       (select count(*) from gone where gone_because = 'superseded'),
       (select count(*) from gone where gone_because <> 'superseded'),
       g.holds, (select rows from lacking),
       -- Whether the current rows are exactly the list now.
       not g.holds and not exists (select from difference where stays)
         and (select count(*) from difference where bounce_id is null)
             = (select count(*) from added where gone_at is null)
  from guard g
