-- A customer's current bounces, as a list with instants has them: current_bounces.sql otherwise. {0} the customer's number
select bounce_id, email, status, reason, extract(epoch from bounced_at)::bigint
  from bounced.mirror
 where customer_id = {0} and gone_at is null
