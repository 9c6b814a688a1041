-- Ends pauses for credentials. Customers that were put off until after the pause are due.
-- $1 accounts
with ended as (
  select a.name, (a.call_pauses #>> '{all,until}')::timestamptz as until
    from bounced.accounts a
   where a.name = any ($1::text[]) and a.call_pauses #>> '{all,kind}' = 'credentials'
     and (a.call_pauses #>> '{all,until}')::timestamptz > clock_timestamp()
     for no key update of a
), accounts as (
  update bounced.accounts a
     set call_pauses = jsonb_set(a.call_pauses, '{all,until}', to_jsonb(clock_timestamp()))
    from ended e
   where a.name = e.name
), put_off as (
  select c.customer_id
    from bounced.customers c
    join ended e on e.name = c.account
   where c.active and c.next_poll_at between e.until and e.until + interval '5 s'
     for no key update of c skip locked
)
update bounced.customers c
   set next_poll_at = now()
  from put_off p
 where c.customer_id = p.customer_id
