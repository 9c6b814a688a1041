-- Sessions that hold more than a reader's lock on a table. $1 table
select coalesce(string_agg(format('%s (process %s, since %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid,
                                  to_char(a.xact_start, 'HH24:MI:SS')), ', '), 'nobody any more')
  from pg_locks l
  join pg_stat_activity a using (pid)
 where l.relation = $1::text::regclass and l.granted and l.mode <> 'AccessShareLock'
   and a.pid <> pg_backend_pid()
