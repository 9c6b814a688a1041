-- The rights that a daemon needs and this role does not have. $1: the grants of the daemon's role, as README.md shows
-- them. What is not there is about to be made, for which the right to make the schema, or to make tables in it, is needed.
-- The catalogs are asked, since names of a schema that the role may not use are errors elsewhere.
with grants as (
  select string_to_array(g[1], ', ') as privileges, coalesce(g[2], 'table') as kind, string_to_array(g[3], ', ') as names
    from regexp_matches(regexp_replace($1, '\s+', ' ', 'g'),
                        'grant ([a-z, ]+) on (?:(schema|sequence|function) )?([a-z_., ]+) to ', 'g') as g
), rights as (
  select p.privilege, g.kind, n.name, split_part(n.name, '.', 1)::name as schema, split_part(n.name, '.', 2)::name as relation
    from grants g
   cross join unnest(g.privileges) as p (privilege)
   cross join unnest(g.names) as n (name)
)
select r.privilege || ' on ' || case r.kind when 'table' then '' else r.kind || ' ' end || r.name
  from rights r
  join pg_namespace n on n.nspname = r.schema
  left join pg_class c on c.relnamespace = n.oid and c.relname = r.relation and r.kind in ('table', 'sequence')
  left join pg_proc f on f.pronamespace = n.oid and f.proname = r.relation and r.kind = 'function'
 where not case r.kind when 'schema' then has_schema_privilege(n.oid, r.privilege)
                       when 'sequence' then has_sequence_privilege(c.oid, r.privilege)
                       when 'function' then has_function_privilege(f.oid, r.privilege)
                       else has_table_privilege(c.oid, r.privilege) end
union all
select 'create on database ' || current_database()
 where to_regnamespace('bounced') is null and not has_database_privilege(current_database(), 'create')
union all
select 'temporary on database ' || current_database()
 where not has_database_privilege(current_database(), 'temporary')
