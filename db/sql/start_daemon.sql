-- Registers a daemon, and removes those that have been dead for an hour, or are known to be gone.
-- $1 host; $2 pid; $3 version; $4 machine; $5 start of the process; $6 those that are gone
with buried as (
  delete from bounced.daemons d
   where d.daemon_id = any ($6::bigint[])
      or (d.heartbeat < now() - interval '1 hour'
          and not exists (select from bounced.live_daemons l where l.daemon_id = d.daemon_id))
)
insert into bounced.daemons (host, pid, version, machine, process_start) values ($1, $2, $3, $4, $5)
returning daemon_id
