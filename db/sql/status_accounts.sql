select a.name, a.api, case when a.paused_until > now() then coalesce(a.paused_calls || ': ', '') || a.paused_because end,
       case when a.paused_until > now() then to_char(a.paused_until, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end,
       extract(epoch from now() - a.paused_until)::float8, a.daily_limit, a.daily_limit - bounced.deletions_left(a)
  from bounced.accounts a
 order by a.name
