-- Customers whose time zone is another now, their rows locked in the order of their numbers.
-- $1 names; $2 time zones; $3 whether the row of an active customer may be changed
select c.customer_id, c.time_zone, n.time_zone
  from unnest($1::text[], $2::text[]) as n (name, time_zone)
  join bounced.customers c using (name)
 where c.time_zone <> n.time_zone and ($3 or not c.active)
 order by c.customer_id
   for no key update of c
