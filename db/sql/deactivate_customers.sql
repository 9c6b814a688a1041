-- Customers that are not configured become inactive. $1 names of the configured
update bounced.customers
   set active = false
 where active and name <> all ($1::text[])
