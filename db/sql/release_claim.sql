-- Gives a claim back without a word about the poll.
-- $1 customer; $2 daemon; $3 claim; $4 for how many seconds others come first
update bounced.customers
   set claimed_by = null,
       next_poll_at = case when $4::float8 > 0 then clock_timestamp() + make_interval(secs => $4) else next_poll_at end
 where customer_id = $1 and claimed_by = $2 and claim = $3
