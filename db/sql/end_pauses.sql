-- Ends pauses that other credentials, or another server, may have made needless: all but those that the API asked for.
-- Customers that were put off until after the pause are due. Gives the accounts that this was done for: all but those
-- whose rows are locked. $1 accounts
with locked as materialized (
  select a.name, a.call_pauses
    from bounced.accounts a
   where a.name = any ($1::text[])
   order by a.name
     for no key update skip locked
), ended as (
  select l.name, p.key as calls, (p.value ->> 'until')::timestamptz as until
    from locked l
   cross join lateral jsonb_each(l.call_pauses) as p
   where p.value ->> 'kind' is distinct from 'rate_limited' and (p.value ->> 'until')::timestamptz > clock_timestamp()
), accounts as (
  update bounced.accounts a
     set call_pauses = l.call_pauses || (
           select jsonb_object_agg(e.calls, jsonb_set(l.call_pauses -> e.calls, '{until}', to_jsonb(clock_timestamp())))
             from ended e
            where e.name = l.name)
    from locked l
   where a.name = l.name and a.name in (select name from ended)
), put_off as (
  select c.customer_id
    from bounced.customers c
    join ended e on e.name = c.account and e.calls in ('lists', 'all')
   where c.active and c.next_poll_at between e.until and e.until + interval '5 s'
     for no key update of c skip locked
), due as (
  update bounced.customers c
     set next_poll_at = now()
    from put_off p
   where c.customer_id = p.customer_id
)
select name from locked
