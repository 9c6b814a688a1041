-- Removes bounces that are gone for long, some at a time. $1 seconds that they are kept
delete from bounced.mirror
 where (customer_id, bounce_id) in (select customer_id, bounce_id
                                      from bounced.mirror
                                     where gone_at < now() - make_interval(secs => $1)
                                     order by gone_at
                                     limit 1000
                                       for update skip locked)
