-- Removes old requests that are done or cancelled, some at a time. $1 seconds that they are kept
delete from bounced.deletion_requests
 where ctid = any (array(select ctid
                           from bounced.deletion_requests
                          where finished_at < now() - make_interval(secs => $1) and state in ('done', 'cancelled')
                          limit 1000
                            for update skip locked))
