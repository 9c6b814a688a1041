-- Reads the times of a customer's bounces in another zone than before. Rows are taken out and put back, since bounces of
-- one address may change places, and an index that is unique checks row by row. Current rows that meet become one.
-- $1 customer; $2 old zone; $3 new zone
with taken as (
  delete from bounced.mirror
   where customer_id = $1 and bounced_at is not null
  returning customer_id, bounce_id, email, ((bounced_at at time zone $2) at time zone $3) as bounced_at, status, reason,
            first_seen_at, last_seen_at, gone_at, gone_because, class, class_rules, reason_key, nth
), met as (
  select customer_id, bounce_id, email, bounced_at, status, reason,
         case when gone_at is null then min(first_seen_at) over same else first_seen_at end as first_seen_at,
         case when gone_at is null then max(last_seen_at) over same else last_seen_at end as last_seen_at,
         gone_at, gone_because, class, class_rules, reason_key, nth,
         row_number() over (same order by first_seen_at, bounce_id) as place
    from taken
  window same as (partition by email, bounced_at, gone_at is null)
)
insert into bounced.mirror (customer_id, bounce_id, email, bounced_at, status, reason, first_seen_at, last_seen_at,
                            gone_at, gone_because, class, class_rules, reason_key, nth)
select customer_id, bounce_id, email, bounced_at, status, reason, first_seen_at, last_seen_at, gone_at, gone_because,
       class, class_rules, reason_key, nth
  from met
 where gone_at is not null or place = 1
