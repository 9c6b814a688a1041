-- Customers that no live daemon has in its configuration become inactive.
update bounced.customers c
   set active = false
 where c.active
   and c.customer_id not in (select unnest(d.configured) from bounced.live_daemons d where d.configured is not null)
   and not exists (select from bounced.live_daemons d where d.configured is null)
