-- Those of the names that PostgreSQL does not know as a time zone. $1 names
select n.name
  from unnest($1::text[]) as n (name)
 where not exists (select from pg_timezone_names z where lower(z.name) = lower(n.name))
