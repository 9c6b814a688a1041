-- Counts a customer's current bounces, which were changed other than by a merge. $1 customer
update bounced.customers c
   set current_bounces = (select count(*) from bounced.mirror m
                           where m.customer_id = c.customer_id and m.gone_at is null),
       list_print = null
 where c.customer_id = $1
