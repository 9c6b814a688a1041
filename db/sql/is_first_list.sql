-- Whether nothing is known of the customer that a merge would have to compare with. The customer's row is locked.
-- $1 customer; $2 when the list was asked for.
select not exists (select from bounced.mirror where customer_id = $1)
   and not exists (select from bounced.deletion_history
                    where customer_id = $1 and state = 'done' and finished_at > $2::timestamptz - interval '10 min')
