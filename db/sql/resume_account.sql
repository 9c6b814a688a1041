-- A call went well that was made after the account paused that kind of call. A call that went well also shows that the
-- credentials are right.
-- $1 account; $2 when the call was made; $3 kind of call.
with ended as (
  select a.name, array_agg(p.key) as keys
    from bounced.accounts a
   cross join lateral jsonb_each(a.call_pauses) as p
   where a.name = $1
     and (p.key = 'all' or p.key = $3 and (p.value ->> 'at')::timestamptz < $2::timestamptz)
   group by a.name
)
update bounced.accounts a
   set call_pauses = a.call_pauses - e.keys
  from ended e
 where a.name = e.name
