-- $1 names; $2 apis; $3 daily limits, null for none; $4 daemon; $5 whether the row of an account may be changed though
-- another live daemon has it
insert into bounced.accounts as a (name, api, daily_limit)
select * from unnest($1::text[], $2::text[], $3::int[])
    on conflict (name) do update set api = excluded.api, daily_limit = excluded.daily_limit
 where (a.api, a.daily_limit) is distinct from (excluded.api, excluded.daily_limit)
   and ($5 or not exists (select from bounced.live_daemons d
                           where d.daemon_id <> $4 and (d.accounts is null or a.name = any (d.accounts))))
