-- Removes old rows of the log, some at a time. $1 seconds that they are kept
delete from bounced.polls
 where poll_id in (select poll_id
                     from bounced.polls
                    where finished_at < clock_timestamp() - make_interval(secs => $1)
                    order by finished_at
                    limit 1000)
