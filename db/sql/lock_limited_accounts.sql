-- So that daemons which claim at the same time do not exceed a daily limit together. Where somebody holds the account's
-- row, nothing of it is claimed. $1 customers
select a.name
  from bounced.accounts a
 where a.daily_limit is not null
   and exists (select from bounced.customers c where c.customer_id = any ($1::int[]) and c.account = a.name)
 order by a.name
   for no key update of a skip locked
