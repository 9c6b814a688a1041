-- Notes what keys of reasons stand for. Waits for nobody: two sessions may note the same. $1 keys; $2 texts; $3 samples
insert into bounced.reasons (reason_key, reason, sample)
select r.reason_key, r.reason, r.sample
  from unnest($1::bigint[], $2::text[], $3::text[]) as r (reason_key, reason, sample)
 where not exists (select from bounced.reasons k where k.reason_key = r.reason_key)
