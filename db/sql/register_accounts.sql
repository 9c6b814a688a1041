-- $1 names; $2 apis; $3 daily limits, null for none; $4 whether the row of an account may be changed
insert into bounced.accounts as a (name, api, daily_limit)
select * from unnest($1::text[], $2::text[], $3::int[])
    on conflict (name) do update set api = excluded.api, daily_limit = excluded.daily_limit
 where $4 and (a.api, a.daily_limit) is distinct from (excluded.api, excluded.daily_limit)
