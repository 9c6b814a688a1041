-- In how many seconds the next customer of these accounts is due; null if there is none.
-- $1 daemon; $2 accounts; $3 customers that this daemon polls already or leaves alone.
select least(
         (select extract(epoch from min(greatest(d.next_poll_at, bounced.pause_end(a, 'lists'))) - clock_timestamp())
            from bounced.accounts a
           cross join lateral (
                 select c.next_poll_at
                   from bounced.customers c
                  where c.account = a.name and c.active
                    and (c.claimed_by is null or c.claimed_by = $1)
                    and c.customer_id <> all ($3::int[])
                  order by c.next_poll_at
                  limit 1) d
           where a.name = any ($2::text[])),
         -- Somebody asked for a poll, which is not noted in the customer's row yet.
         (select 0
            from bounced.poll_requests r
            join bounced.customers c using (customer_id)
           where c.account = any ($2::text[])
             and (c.claimed_by is null or c.claimed_by = $1)
             and c.customer_id <> all ($3::int[])
           limit 1))::float8
