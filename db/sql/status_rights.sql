-- The rights that a daemon needs and this role does not have. Where a table is not there, it is about to be made, for
-- which the right to make the schema, or to make tables in it, is needed.
select w.privilege || ' on ' || w.name
  from (values ('bounced.accounts', 'select, insert, update'), ('bounced.customers', 'select, insert, update'),
               ('bounced.daemons', 'select, insert, update, delete'), ('bounced.live_daemons', 'select'),
               ('bounced.server', 'select, update'), ('bounced.mirror_edition', 'select'),
               ('bounced.mirror', 'select, insert, update, delete'), ('bounced.polls', 'select, insert, delete'),
               ('bounced.poll_requests', 'select, delete'), ('bounced.schema_migrations', 'select'),
               ('bounced.deletion_queue', 'select, update, delete'), ('bounced.deletion_history', 'select, insert, delete')) as t (name, privileges)
 cross join lateral (select t.name, p.privilege from unnest(string_to_array(t.privileges, ', ')) as p (privilege)) w
 where to_regclass(w.name) is not null and not has_table_privilege(to_regclass(w.name), w.privilege)
union all
select 'create on database ' || current_database()
 where to_regnamespace('bounced') is null and not has_database_privilege(current_database(), 'create')
union all
select 'usage on schema bounced'
 where to_regnamespace('bounced') is not null and not has_schema_privilege('bounced', 'usage')
union all
select 'temporary on database ' || current_database()
 where not has_database_privilege(current_database(), 'temporary')
union all
select 'usage on sequence bounced.claims'
 where to_regclass('bounced.claims') is not null
   and not has_sequence_privilege(to_regclass('bounced.claims'), 'usage')
union all
select 'execute on function bounced.next_slot'
 where to_regprocedure('bounced.next_slot(integer, interval, timestamptz)') is not null
   and not has_function_privilege(to_regprocedure('bounced.next_slot(integer, interval, timestamptz)'), 'execute')
