-- A daemon says that it is alive. One that was taken for dead and removed comes back under its number, and has to say
-- again what it has in its configuration. Changes no row where the number is another's by now: after a failover that
-- lost its row, and the step of the sequence with it.
-- $1 daemon; $2 host; $3 pid; $4 version; $5 machine; $6 start of the process; $7 seconds since its last heartbeat by
-- its own clock, or null; $8 what it has in flight, as JSON; $9 stalls since its start
with last as (
  select heartbeat from bounced.daemons where daemon_id = $1
), met as (
  -- Another server, or one whose clock jumped.
  update bounced.server
     set started = pg_postmaster_start_time(), met_at = clock_timestamp()
   -- Who registers has the row locked, and another beat notes it as well.
   where only_row in (select only_row
                        from bounced.server
                       where started <> pg_postmaster_start_time()
                          or abs(extract(epoch from clock_timestamp() - (select heartbeat from last)) - $7::float8) > 10
                         for no key update skip locked)
  returning 1
), put_back as (
  -- Of a clock that was put back: who is dead would look alive until it is that late again.
  update bounced.daemons set heartbeat = clock_timestamp()
   where heartbeat > clock_timestamp() + interval '5 s' and daemon_id <> $1
)
insert into bounced.daemons (daemon_id, host, pid, version, machine, process_start, in_flight, stalls)
    values ($1, $2, $3, $4, $5, $6, $8::jsonb, $9)
    on conflict (daemon_id) do update
    set heartbeat = clock_timestamp(), in_flight = excluded.in_flight, stalls = excluded.stalls
    where (daemons.host, daemons.pid, daemons.machine, daemons.process_start) is not distinct from ($2, $3, $5, $6)
returning exists (select from met)
