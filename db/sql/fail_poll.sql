-- Notes a failure and gives the claim back. $1 customer; $2 daemon; $3 claim; $4 error; $5 seconds to the next try.
update bounced.customers
   set claimed_by = null, failures = failures + 1, last_error = $4, last_error_at = clock_timestamp(),
       next_poll_at = clock_timestamp() + make_interval(secs => $5)
 where customer_id = $1 and claimed_by = $2 and claim = $3
returning failures
