-- There is no further row to be classified by the last rules, if these have that fingerprint: this pass has ended. An
-- hour later a second one begins, since a poll that was under way, or a daemon that was not yet reloaded, may have
-- written rows by the rules before. $1 fingerprint
update bounced.classification c
   set finished_at = case when c.finished_at is null then now() end,
       passes = c.passes + case when c.finished_at is null then 1 else 0 end, customer_id = 0, bounce_id = 0
  from bounced.class_rules r
 where r.version = c.version and r.fingerprint = $1
   and (c.finished_at is null or c.passes = 1 and c.finished_at < now() - interval '1 h')
