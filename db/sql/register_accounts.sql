-- Touches no account's row that says the same already: calls take their turns from it.
-- $1 names; $2 apis; $3 daily limits, null for none; $4 daemon; $5 whether the row of an account may be changed though
-- another live daemon has it
with configured as (
  select * from unnest($1::text[], $2::text[], $3::int[]) as c (name, api, daily_limit)
), changed as (
  update bounced.accounts a
     set api = c.api, daily_limit = c.daily_limit
    from configured c
   where a.name = c.name and (a.api, a.daily_limit) is distinct from (c.api, c.daily_limit)
     and ($5 or not exists (select from bounced.live_daemons d
                             where d.daemon_id <> $4 and (d.accounts is null or a.name = any (d.accounts))))
)
insert into bounced.accounts (name, api, daily_limit)
select c.name, c.api, c.daily_limit
  from configured c
 where not exists (select from bounced.accounts a where a.name = c.name)
    on conflict (name) do nothing
