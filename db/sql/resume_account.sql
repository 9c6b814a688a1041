-- A call went well that was made after the account paused that kind of call. A call that went well also shows that the
-- credentials are right. Gives whether a pause has ended, and which are left; nothing where the row is locked: a later
-- call does it. $1 account; $2 when the call was made; $3 kind of call.
with locked as materialized (
  select a.name, a.call_pauses
    from bounced.accounts a
   where a.name = $1
     for no key update skip locked
), pauses as (
  select p.key, p.value,
         coalesce(p.key = 'all' or (p.key = $3 and (p.value ->> 'at')::timestamptz < $2::timestamptz), false) as ended
    from locked l
   cross join lateral jsonb_each(l.call_pauses) as p
), resumed as (
  update bounced.accounts a
     set call_pauses = (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from pauses p where not p.ended)
   where a.name = $1 and exists (select from pauses where ended)
  returning 1
)
select exists (select from resumed), coalesce((select array_agg(p.key) from pauses p where not p.ended), '{}')::text[]
  from locked
