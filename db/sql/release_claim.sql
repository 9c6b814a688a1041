-- Gives a claim back without a word about the poll. $1 customer; $2 daemon; $3 claim
update bounced.customers
   set claimed_by = null
 where customer_id = $1 and claimed_by = $2 and claim = $3
