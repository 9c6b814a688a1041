-- Pauses an account, unless somebody paused it after the call that failed was made.
-- $1 account; $2 seconds; $3 because; $4 when the call was made; $5 kind.
update bounced.accounts
   set paused_at = clock_timestamp(), paused_until = clock_timestamp() + make_interval(secs => $2),
       paused_because = $3, paused_kind = $5, pauses = pauses + 1
 where name = $1 and (paused_at is null or paused_at < $4)
returning pauses
