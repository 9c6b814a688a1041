-- The queue of deletions. People insert a customer and an address; everything else is the daemon's.

alter table bounced.accounts
  add daily_limit     integer,   -- deletions a day (UTC); null: no limit
  add deletions_day   date,      -- the day (UTC) that is counted
  add deletions_count integer not null default 0;  -- of that day: those made and those in hand

-- How many more deletions the account may make today; null: any number.
create function bounced.deletions_left(account bounced.accounts) returns integer
  language sql stable
return case when account.daily_limit is not null
            then greatest(0, account.daily_limit - case when account.deletions_day = (now() at time zone 'UTC')::date
                                                        then account.deletions_count else 0 end)
       end;

-- Which machine and process space a daemon's pid is of, and when the process began there: a daemon that starts on the
-- same one can tell that another is gone, without waiting for its heartbeat to get old.
alter table bounced.daemons
  add machine       text,
  add process_start bigint;

create table bounced.deletion_requests (
  request_id      bigint generated always as identity primary key,
  customer        text collate "C" not null,
  email           text collate "C" not null,
  note            text,
  customer_id     integer not null references bounced.customers,
  requested_at    timestamptz not null default clock_timestamp(),
  requested_by    text not null default session_user,
  state           text not null default 'pending',
  outcome         text,
  attempts        integer not null default 0,  -- that ended in a fault which may pass
  interruptions   integer not null default 0,  -- calls whose answer was never known: they may have been carried out
  next_attempt_at timestamptz not null default clock_timestamp(),  -- while it is pending
  claimed_by      bigint,                      -- daemons.daemon_id, while it is sending
  claim           bigint not null default 0,
  claimed_at      timestamptz,
  finished_at     timestamptz,
  last_error      text,

  -- Their names are what people read when an INSERT is refused. What shows nothing counts as blank.
  constraint "the email is blank" check (
    translate(email, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\00AD\1680\180E\2000\2001\2002\2003\2004\2005\2006'
                     '\2007\2008\2009\200A\200B\200C\200D\2028\2029\202F\205F\2060\3000\FEFF', '') <> ''),
  constraint "the email has control characters" check (email !~ U&'[\0001-\001F\007F-\009F]'),
  constraint "the email is longer than 1000 bytes" check (octet_length(email) <= 1000),

  constraint "there is no such state" check (state in ('pending', 'sending', 'done', 'failed', 'cancelled')),
  check (outcome in ('deleted', 'not_listed')),
  check ((state = 'sending') = (claimed_by is not null)),
  check ((state in ('done', 'failed', 'cancelled')) = (finished_at is not null)),
  check ((state = 'done') = (outcome is not null))
);

-- What a claim looks for: a customer's requests in the order in which they are due.
create index deletion_requests_pending on bounced.deletion_requests (customer_id, next_attempt_at, request_id)
  where state = 'pending';
-- Few at any time: what daemons have in hand.
create index deletion_requests_sending on bounced.deletion_requests (claimed_by) where state = 'sending';
-- A merge asks what was deleted since its list was asked for.
create index deletion_requests_done on bounced.deletion_requests (customer_id, finished_at) where state = 'done';
-- Few, it is hoped: what people look for.
create index deletion_requests_failed on bounced.deletion_requests (customer_id) where state = 'failed';
-- For their removal when they are old; they are finished about in the order in which they lie in the table.
create index deletion_requests_finished on bounced.deletion_requests using brin (finished_at)
  with (autosummarize = on, pages_per_range = 32);

-- Every request is written three times. Vacuum shall come while there is still little to do.
alter table bounced.deletion_requests set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
                                           autovacuum_analyze_scale_factor = 0.05, fillfactor = 85);

-- A request begins as pending, whatever the INSERT says, for a customer that there is. Blanks at the ends of an address
-- go, as they do from those of lists.
create function bounced.begin_request() returns trigger
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
  new.next_attempt_at := new.requested_at;
  new.claimed_by := null;
  new.claim := 0;
  new.claimed_at := null;
  new.finished_at := null;
  new.last_error := null;
  return new;
end
$$;
revoke execute on function bounced.begin_request from public;
create trigger begin_request before insert on bounced.deletion_requests
  for each row execute function bounced.begin_request();

-- Wakes the daemons, when the transaction commits.
create function bounced.wake_for_requests() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('bounced_deletions', '');
  return null;
end
$$;
revoke execute on function bounced.wake_for_requests from public;
create trigger wake_for_requests after insert on bounced.deletion_requests
  for each statement execute function bounced.wake_for_requests();

-- What people may change: cancel what is pending, queue again what failed, and the note. A daemon's sessions say that
-- they are one.
create function bounced.change_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.request_id, new.customer, new.email, new.customer_id, new.requested_at, new.requested_by, new.outcome,
      new.attempts, new.interruptions, new.next_attempt_at, new.claimed_by, new.claim, new.claimed_at, new.finished_at,
      new.last_error) is distinct from
     (old.request_id, old.customer, old.email, old.customer_id, old.requested_at, old.requested_by, old.outcome,
      old.attempts, old.interruptions, old.next_attempt_at, old.claimed_by, old.claim, old.claimed_at, old.finished_at,
      old.last_error) then
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
revoke execute on function bounced.change_request from public;
create trigger change_request before update on bounced.deletion_requests
  for each row when (current_setting('bounced.daemon', true) is distinct from 'on')
  execute function bounced.change_request();

-- Who has been granted no more than to queue sees and changes what they have queued themselves. Who may read the table
-- of customers may read all requests, and who may change the whole table of requests may change all.
alter table bounced.deletion_requests enable row level security;
create policy own_or_reader on bounced.deletion_requests for select
  using (requested_by = session_user or (select has_table_privilege('bounced.customers', 'select')));
create policy own_or_keeper on bounced.deletion_requests for update
  using (requested_by = session_user or (select has_table_privilege('bounced.deletion_requests', 'update')));
create policy queue on bounced.deletion_requests for insert with check (true);
create policy remove on bounced.deletion_requests for delete using (true);
