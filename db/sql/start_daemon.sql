-- Registers a daemon, and removes those that have been dead for an hour. $1 host; $2 pid; $3 version
with buried as (
  delete from bounced.daemons where heartbeat < clock_timestamp() - interval '1 hour'
)
insert into bounced.daemons (host, pid, version) values ($1, $2, $3)
returning daemon_id
