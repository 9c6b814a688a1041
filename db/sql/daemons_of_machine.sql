-- $1 machine
select daemon_id, pid, process_start from bounced.daemons where machine = $1
