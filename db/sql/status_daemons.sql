select d.daemon_id, d.host, d.pid, d.version, l.daemon_id is not null,
       to_char(d.started, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - d.started)::float8,
       to_char(d.heartbeat, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - d.heartbeat)::float8,
       coalesce(cardinality(d.configured), 0), coalesce(cardinality(d.disagrees), 0),
       d.in_flight::text, d.stalls
  from bounced.daemons d
  left join bounced.live_daemons l using (daemon_id)
 order by d.daemon_id
