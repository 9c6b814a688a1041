-- Removes old requests that are finished, some at a time. $1 seconds that they are kept
delete from bounced.deletion_history
 where request_id = any (array(select request_id
                                 from bounced.deletion_history
                                where finished_at < now() - make_interval(secs => $1)
                                order by finished_at
                                limit 1000
                                  for update skip locked))
