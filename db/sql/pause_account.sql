-- Pauses an account's calls of a kind, unless somebody paused them after the call that failed was made. Gives how often
-- they were paused in a row (null: somebody had), and for how many seconds they are.
-- $1 account; $2 seconds; $3 because; $4 when the call was made; $5 kind of fault; $6 kind of call, or 'all'.
with locked as materialized (
  select a.name, a.call_pauses
    from bounced.accounts a
   where a.name = $1
     for no key update
), paused as (
  update bounced.accounts a
     set call_pauses = jsonb_set(l.call_pauses, array[$6::text], jsonb_build_object(
           'at', clock_timestamp(), 'until', clock_timestamp() + make_interval(secs => $2),
           'because', $3::text, 'kind', $5::text,
           'times', coalesce((l.call_pauses #>> array[$6::text, 'times'])::int, 0) + 1))
    from locked l
   where a.name = l.name and coalesce((l.call_pauses #>> array[$6::text, 'at'])::timestamptz < $4::timestamptz, true)
  returning (a.call_pauses #>> array[$6::text, 'times'])::int as times
)
select (select times from paused),
       case when exists (select from paused) then $2::float8
            else extract(epoch from (l.call_pauses #>> array[$6::text, 'until'])::timestamptz - clock_timestamp())::float8
       end
  from locked l
