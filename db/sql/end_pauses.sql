-- Ends pauses that other credentials, or another server, may have made needless: all but those that the API asked for.
-- Customers that were put off until after the pause are due. $1 accounts
with ended as (
  select a.name, p.calls, (p.pause ->> 'until')::timestamptz as until
    from bounced.accounts a
   cross join lateral jsonb_each(a.call_pauses) as p (calls, pause)
   where a.name = any ($1::text[]) and p.pause ->> 'kind' is distinct from 'rate_limited'
     and (p.pause ->> 'until')::timestamptz > clock_timestamp()
     for no key update of a
), accounts as (
  update bounced.accounts a
     set call_pauses = a.call_pauses || (
           select jsonb_object_agg(e.calls, jsonb_set(a.call_pauses -> e.calls, '{until}', to_jsonb(clock_timestamp())))
             from ended e
            where e.name = a.name)
   where a.name in (select name from ended)
), put_off as (
  select c.customer_id
    from bounced.customers c
    join ended e on e.name = c.account and e.calls in ('lists', 'all')
   where c.active and c.next_poll_at between e.until and e.until + interval '5 s'
     for no key update of c skip locked
)
update bounced.customers c
   set next_poll_at = now()
  from put_off p
 where c.customer_id = p.customer_id
