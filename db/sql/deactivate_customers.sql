-- Customers that no live daemon has in its configuration become inactive. Returns how many there were, and whether that
-- was all of them: not those whose rows are locked, and none while this daemon looks dead, since its own would be among
-- them. $1 daemon
with me as (
  select from bounced.live_daemons d where d.daemon_id = $1 and d.configured is not null
), left_over as materialized (
  select c.customer_id
    from bounced.customers c
   where c.active
     and c.customer_id not in (select unnest(d.configured) from bounced.live_daemons d where d.configured is not null)
     and not exists (select from bounced.live_daemons d where d.configured is null)
     and exists (select from me)
), free as (
  select c.customer_id
    from bounced.customers c
   where c.customer_id in (select customer_id from left_over)
     for no key update skip locked
), deactivated as (
  update bounced.customers c
     set active = false
    from free f
   where c.customer_id = f.customer_id
  returning 1
)
select (select count(*) from deactivated),
       (select count(*) from deactivated) = (select count(*) from left_over) and exists (select from me)
