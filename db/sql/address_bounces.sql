-- Every bounce of an address, by customer, what is on the list first, then the latest. $1 spellings of the address
with found as (
  select m.*, c.name, c.account, c.active,
         case when m.gone_at is null then greatest(m.last_seen_at, c.last_full_at) else m.last_seen_at end as seen_at
    from bounced.mirror m join bounced.customers c using (customer_id)
   where m.email = any ($1::text[])
)
select f.name, f.account, f.active, f.email, f.status, f.reason, coalesce(f.class, 0), f.nth,
       lag(coalesce(f.gone_because, 'superseded')) over (partition by f.customer_id, f.email order by f.nth, f.bounce_id),
       to_char(f.bounced_at at time zone 'UTC', t.format), to_char(f.first_seen_at at time zone 'UTC', t.format),
       to_char(f.seen_at at time zone 'UTC', t.format), to_char(f.gone_at at time zone 'UTC', t.format), f.gone_because
  from found f, (select 'YYYY-MM-DD"T"HH24:MI:SS"Z"' as format) t
 order by f.name, f.email, (f.gone_at is null) desc, coalesce(f.bounced_at, f.first_seen_at) desc, f.bounce_id desc
