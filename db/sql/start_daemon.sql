-- Registers a daemon, and removes those that have been dead for an hour, or are known to be gone.
-- $1 host; $2 pid; $3 version; $4 machine; $5 start of the process; $6 those that are gone
with buried as (
  delete from bounced.daemons
   where heartbeat < clock_timestamp() - interval '1 hour' or daemon_id = any ($6::bigint[])
)
insert into bounced.daemons (host, pid, version, machine, process_start) values ($1, $2, $3, $4, $5)
returning daemon_id
