-- Makes the rules with this fingerprint the last ones; what is in the mirror is to be classified by them then. Who holds
-- the row of classification has its turn. $1 fingerprint; $2 whether to do it only where there are none yet
with held as materialized (
  select version from bounced.classification for no key update
), adopted as (
  insert into bounced.class_rules (fingerprint)
  select $1
    from held h
   where not exists (select from bounced.class_rules r where r.version = h.version and r.fingerprint = $1)
     and (h.version = 0 or not $2)
  returning version
)
update bounced.classification c
   set version = a.version, customer_id = 0, bounce_id = 0, finished_at = null, passes = 0
  from adopted a
