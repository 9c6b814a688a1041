-- Merges the first list of a customer, staged in pg_temp.staged: all of it comes in, in the order of the indexes. Of
-- entries with the same identity the least one counts, as in merge_full.sql. $1 customer; $2 when the list was asked for;
-- $3 the fingerprint of the rules by which it was classified.
with rules as materialized (
  -- 0: no daemon has registered with them.
  select coalesce(max(version), 0) as version from bounced.class_rules where fingerprint = $3
)
insert into bounced.mirror (customer_id, email, bounced_at, status, reason, first_seen_at, last_seen_at, class,
                            class_rules, reason_key, nth)
select $1, email, bounced_at, status, reason, $2, $2, class, (select version from rules), reason_key, least(nth, 32767)
  from (select *, row_number() over (partition by email order by coalesce(bounced_at, '-infinity')) as nth
          from (select distinct on (email, coalesce(bounced_at, '-infinity')) *
                  from pg_temp.staged
                 order by email, coalesce(bounced_at, '-infinity'), status, reason) as listed) as numbered
