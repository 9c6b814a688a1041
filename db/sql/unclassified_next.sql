-- The next rows of the mirror that are to be classified by the last rules, if these have that fingerprint.
-- $1 fingerprint; $2 how many
select m.customer_id, m.bounce_id, m.status, m.reason, m.class, m.reason_key, c.version
  from bounced.classification c
  join bounced.class_rules r on r.version = c.version and r.fingerprint = $1
 cross join lateral (select *
                       from bounced.mirror m
                      where (m.customer_id, m.bounce_id) > (c.customer_id, c.bounce_id)
                      order by m.customer_id, m.bounce_id
                      limit $2) m
 where c.finished_at is null
 order by m.customer_id, m.bounce_id
