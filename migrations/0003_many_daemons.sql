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

-- When a daemon dies, another one finds the address off the list and cannot tell by itself that this was our doing.
alter table bounced.deletion_requests
  add unsure_since timestamptz;  -- claimed_at of the first call whose answer was never known, or was a fault

create or replace function bounced.begin_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  select c.customer_id into new.customer_id from bounced.customers c where c.name = new.customer;
  if not found then
    raise exception 'there is no customer "%"', new.customer
      using errcode = 'foreign_key_violation',
            hint = 'Customers are named as in the configuration of the daemon, which must have seen it once.';
  end if;
  new.email := btrim(new.email, U&'\0020\00A0\1680\2000\2001\2002\2003\2004\2005\2006'
                                '\2007\2008\2009\200A\2028\2029\202F\205F\3000');
  new.requested_at := clock_timestamp();
  new.requested_by := session_user;
  new.state := 'pending';
  new.outcome := null;
  new.attempts := 0;
  new.interruptions := 0;
  new.unsure_since := null;
  new.next_attempt_at := new.requested_at;
  new.claimed_by := null;
  new.claim := 0;
  new.claimed_at := null;
  new.finished_at := null;
  new.last_error := null;
  return new;
end
$$;

create or replace function bounced.change_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if to_jsonb(new) - '{state,note}'::text[] is distinct from to_jsonb(old) - '{state,note}'::text[] then
    raise exception 'only the state and the note of a deletion request can be changed'
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Cancel it (state = ''cancelled'') and insert another one.';
  end if;
  if new.state = old.state then
    return new;
  elsif old.state = 'pending' and new.state = 'cancelled' then
    new.finished_at := clock_timestamp();
  elsif old.state = 'failed' and new.state = 'pending' then
    new.attempts := 0;
    new.next_attempt_at := clock_timestamp();
    new.finished_at := null;
    perform pg_notify('bounced_deletions', '');
  else
    raise exception 'deletion request % is "%" and cannot be set to "%"', old.request_id, old.state, new.state
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'What is pending can be cancelled, and what failed can be set to pending: '
                   'add "and state = ''pending''", or ''failed'', to the condition.';
  end if;
  return new;
end
$$;
