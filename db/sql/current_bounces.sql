-- A customer's current bounces, as a list has them, for COPY, which takes no parameters: the customer's number stands in
-- for {0}. The session's time zone is the customer's. Two instants may have one local time, when clocks are put back: lists mean the
-- one that PostgreSQL takes, and the other shall not look the same.
select bounce_id, email, status, reason,
       case when bounced_at::timestamp::timestamptz = bounced_at then bounced_at::timestamp
            when bounced_at is not null then '-infinity' end
  from bounced.mirror
 where customer_id = {0} and gone_at is null
