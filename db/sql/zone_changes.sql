-- Locks the configured customers' rows, in the order of their numbers, and tells those whose time zone is another now.
-- $1 names; $2 time zones; $3 whether the row of an active customer may be changed
with locked as (
  select c.customer_id, c.active, c.time_zone as old_zone, n.time_zone as new_zone
    from unnest($1::text[], $2::text[]) as n (name, time_zone)
    join bounced.customers c using (name)
   order by c.customer_id
     for no key update of c
)
select customer_id, old_zone, new_zone from locked where old_zone <> new_zone and ($3 or not active)
