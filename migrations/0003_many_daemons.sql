-- Several daemons that share the work: who is alive, who has which customers, and whose turn it is to call.

-- The server that the daemons met last. After its start, a failover to it, or a jump of its clock, heartbeats look older
-- than they are: for 20 s nobody is taken for dead.
create table bounced.server (
  only_row boolean primary key default true check (only_row),
  started  timestamptz not null default pg_postmaster_start_time(),
  met_at   timestamptz not null default '-infinity'
);
insert into bounced.server default values;

-- What each daemon has in its configuration; null until it has said so: it may have any. `disagrees` are those of
-- `configured` whose rows say something else than its configuration: it leaves them alone.
alter table bounced.daemons
  add accounts   text[],
  add configured integer[],
  add disagrees  integer[];

-- The daemons that are not taken for dead: the one place that says when that is.
create view bounced.live_daemons as
  select d.*
    from bounced.daemons d
   where d.heartbeat > now() - interval '20 s'
      or exists (select from bounced.server s
                  where s.started <> pg_postmaster_start_time() or s.met_at > now() - interval '20 s');

alter table bounced.accounts
  add paused_kind text,          -- of the fault: 'credentials', 'rate_limited'
  -- The turns to call that were given out reach up to here, spread by the account's rate limit.
  add turns_until timestamptz;
