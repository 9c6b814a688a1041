-- Takes turns to call an account's API, so many seconds apart, of those that come within the next second.
-- $1 account; $2 seconds between two turns; $3 how many at most; $4 how many seconds of the past may be made up for
with at as (
  -- What a crash of the server loses of this is over when it is back.
  select clock_timestamp() as now, set_config('synchronous_commit', 'off', true)
), free as (
  select a.name, at.now, coalesce(a.paused_until > at.now, false) as paused,
         extract(epoch from case
                   -- No daemon takes turns so far ahead: the clock was put back.
                   when a.turns_until > at.now + make_interval(secs => 60 + $2::float8) then at.now
                   else greatest(a.turns_until, at.now - make_interval(secs => $4::float8)) end - at.now)::float8 as first_in
    from bounced.accounts a, at
   where a.name = $1
     for no key update of a
), taken as (
  select name, now, paused, first_in,
         case when paused then 0 else least($3::int, greatest(0, floor((1 - first_in) / $2::float8) + 1))::int end as turns
    from free
), written as (
  update bounced.accounts a
     set turns_until = t.now + make_interval(secs => t.first_in + t.turns * $2::float8)
    from taken t
   where a.name = t.name and t.turns > 0
)
select turns, first_in, paused from taken
