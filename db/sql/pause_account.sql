-- Pauses an account's calls of a kind, unless somebody paused them after the call that failed was made.
-- $1 account; $2 seconds; $3 because; $4 when the call was made; $5 kind of fault; $6 kind of call, or 'all'.
update bounced.accounts a
   set call_pauses = jsonb_set(a.call_pauses, array[$6::text], jsonb_build_object(
         'at', clock_timestamp(), 'until', clock_timestamp() + make_interval(secs => $2),
         'because', $3::text, 'kind', $5::text,
         'times', coalesce((a.call_pauses #>> array[$6::text, 'times'])::int, 0) + 1))
 where a.name = $1 and coalesce((a.call_pauses #>> array[$6::text, 'at'])::timestamptz < $4::timestamptz, true)
returning (a.call_pauses #>> array[$6::text, 'times'])::int
