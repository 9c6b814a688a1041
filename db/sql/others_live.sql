-- $1 daemon
select exists (select from bounced.daemons d
                where d.daemon_id <> $1 and d.heartbeat > clock_timestamp() - interval '20 s')
