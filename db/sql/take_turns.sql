-- Takes turns to call an account's API, so many seconds apart, of those that come within the next second.
-- $1 account; $2 seconds between two turns; $3 for how many lists at most, $5 deletions, and $6 calls for subusers;
-- $4 how many seconds of the past may be made up for
with at as (
  -- What a crash of the server loses of this is over when it is back.
  select clock_timestamp() as now, set_config('synchronous_commit', 'off', true)
), free as (
  select a.name, at.now, greatest(0, extract(epoch from bounced.pause_end(a, 'lists') - at.now))::float8 as lists_paused,
         greatest(0, extract(epoch from bounced.pause_end(a, 'deletions') - at.now))::float8 as deletions_paused,
         greatest(0, extract(epoch from bounced.pause_end(a, 'subusers') - at.now))::float8 as subusers_paused,
         extract(epoch from case
                   -- No daemon takes turns so far ahead: the clock was put back, or the limit was lower.
                   when a.turns_until > at.now + make_interval(secs => 5 + $2::float8) then at.now
                   else greatest(a.turns_until, at.now - make_interval(secs => $4::float8)) end - at.now)::float8 as first_in
    from bounced.accounts a, at
   where a.name = $1
     for no key update of a
), taken as (
  select name, now, lists_paused, deletions_paused, subusers_paused, first_in,
         least(case when lists_paused > 0 then 0 else $3::int end + case when deletions_paused > 0 then 0 else $5::int end
                 + case when subusers_paused > 0 then 0 else $6::int end,
               greatest(0, floor((1 - first_in) / $2::float8) + 1))::int as turns
    from free
), written as (
  update bounced.accounts a
     set turns_until = t.now + make_interval(secs => t.first_in + t.turns * $2::float8)
    from taken t
   where a.name = t.name and t.turns > 0
)
select turns, first_in, lists_paused, deletions_paused, subusers_paused from taken
