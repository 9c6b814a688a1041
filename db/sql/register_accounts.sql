-- $1 names; $2 apis
insert into bounced.accounts as a (name, api)
select * from unnest($1::text[], $2::text[])
    on conflict (name) do update set api = excluded.api where a.api <> excluded.api
