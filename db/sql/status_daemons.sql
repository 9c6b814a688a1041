select d.daemon_id, d.host, d.pid, d.version, d.heartbeat > now() - interval '20 s',
       to_char(d.started, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - d.started)::float8,
       to_char(d.heartbeat, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - d.heartbeat)::float8
  from bounced.daemons d
 order by d.daemon_id
