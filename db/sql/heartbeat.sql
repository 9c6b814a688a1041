-- One that was taken for dead and removed comes back under its number.
-- $1 daemon; $2 host; $3 pid; $4 version; $5 machine; $6 start of the process
insert into bounced.daemons (daemon_id, host, pid, version, machine, process_start) values ($1, $2, $3, $4, $5, $6)
    on conflict (daemon_id) do update set heartbeat = clock_timestamp()
