-- Open deletion requests and finished ones are apart, so that nobody reads what is finished to find what is open, and
-- what is restored from a backup stays what it was. People insert into, read and update the view
-- bounced.deletion_requests; daemons work on the two tables.

-- The table becomes a view: what people have made of it would follow the table.
do $$
declare
  dependants text;
begin
  select string_agg(name, ', ' order by name) into dependants
    from (select r.ev_class::regclass::text as name
            from pg_depend d join pg_rewrite r on r.oid = d.objid
           where d.classid = 'pg_rewrite'::regclass and d.refobjid = 'bounced.deletion_requests'::regclass
             and r.ev_class <> d.refobjid
           union
          select 'the publication ' || p.pubname
            from pg_publication_rel l join pg_publication p on p.oid = l.prpubid
           where l.prrelid = 'bounced.deletion_requests'::regclass) as d;
  if dependants is not null then
    raise exception 'something depends on the table bounced.deletion_requests, which becomes a view: %', dependants
      using hint = 'Drop it, migrate, and make it again.';
  end if;
end
$$;

drop trigger begin_request on bounced.deletion_requests;
drop trigger wake_for_requests on bounced.deletion_requests;
drop trigger change_request on bounced.deletion_requests;
drop function bounced.begin_request, bounced.change_request, bounced.is_daemon;
drop policy own_or_reader on bounced.deletion_requests;
drop policy own_or_keeper on bounced.deletion_requests;
drop policy queue on bounced.deletion_requests;
drop policy remove on bounced.deletion_requests;
alter table bounced.deletion_requests disable row level security;

-- Most requests are finished: the table stays where it is, and the open ones move.
alter table bounced.deletion_requests rename to deletion_history;
drop index bounced.deletion_requests_pending, bounced.deletion_requests_sending, bounced.deletion_requests_finished;
alter index bounced.deletion_requests_pkey rename to deletion_history_pkey;
alter index bounced.deletion_requests_done rename to deletion_history_done;
alter index bounced.deletion_requests_failed rename to deletion_history_failed;

create table bounced.deletion_queue (
  request_id      bigint generated always as identity primary key,
  customer        text collate "C" not null,
  email           text collate "C" not null,
  note            text,
  customer_id     integer not null references bounced.customers,
  requested_at    timestamptz not null default clock_timestamp(),
  requested_by    text not null default current_user,
  state           text not null default 'pending',
  attempts        integer not null default 0,
  interruptions   integer not null default 0,
  next_attempt_at timestamptz not null default clock_timestamp(),
  claimed_by      bigint,
  claim           bigint not null default 0,
  claimed_at      timestamptz,
  unsure_since    timestamptz,
  last_error      text,

  -- Their names are what people read when an INSERT is refused. What shows nothing counts as blank.
  constraint "the email is blank" check (
    translate(email, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\00AD\1680\180E\2000\2001\2002\2003\2004\2005\2006'
                     '\2007\2008\2009\200A\200B\200C\200D\2028\2029\202F\205F\2060\3000\FEFF', '') <> ''),
  constraint "the email has control characters" check (email !~ U&'[\0001-\001F\007F-\009F]'),
  constraint "the email is longer than 1000 bytes" check (octet_length(email) <= 1000),
  constraint "there is no such state of an open request" check (state in ('pending', 'sending')),
  check ((state = 'sending') = (claimed_by is not null))
);
-- Every request is written three times. Vacuum shall come while there is still little to do.
alter table bounced.deletion_queue set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
                                        autovacuum_analyze_scale_factor = 0.05, fillfactor = 85);

select setval(pg_get_serial_sequence('bounced.deletion_queue', 'request_id'),
              nextval(pg_get_serial_sequence('bounced.deletion_history', 'request_id')), false);
alter table bounced.deletion_history alter request_id drop identity;

with open as (
  delete from bounced.deletion_history where state in ('pending', 'sending') returning *
)
insert into bounced.deletion_queue (request_id, customer, email, note, customer_id, requested_at, requested_by, state,
                                    attempts, interruptions, next_attempt_at, claimed_by, claim, claimed_at,
                                    unsure_since, last_error)
overriding system value
select request_id, customer, email, note, customer_id, requested_at, requested_by, state, attempts, interruptions,
       next_attempt_at, claimed_by, claim, claimed_at, unsure_since, last_error
  from open;

-- What a claim looks for: a customer's requests in the order in which they are due.
create index deletion_queue_pending on bounced.deletion_queue (customer_id, next_attempt_at, request_id)
  where state = 'pending';
-- Few at any time: what daemons have in hand.
create index deletion_queue_sending on bounced.deletion_queue (claimed_by) where state = 'sending';

alter table bounced.deletion_history drop column claimed_by;  -- and the checks that it stands in
alter table bounced.deletion_history
  drop constraint "the email is blank",  -- what was refused for that is noted here
  drop constraint "the email has control characters",
  drop constraint "the email is longer than 1000 bytes",
  drop constraint "there is no such state",
  alter state drop default, alter attempts drop default, alter interruptions drop default,
  alter requested_at drop default, alter requested_by drop default, alter next_attempt_at drop default,
  alter finished_at set not null;
alter table bounced.deletion_history add constraint "there is no such state of a finished request"
  check (state in ('done', 'failed', 'cancelled'));  -- by which the planner knows where not to look
alter table bounced.deletion_history reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
                                            autovacuum_analyze_scale_factor);
-- For the removal of the oldest.
create index deletion_history_finished on bounced.deletion_history (finished_at);
-- For what people ask; requests finish about in the order in which they were made.
create index deletion_history_requested on bounced.deletion_history using brin (requested_at)
  with (autosummarize = on, pages_per_range = 32);

-- Who may not read the table of customers sees what they have queued themselves. It is the current role that counts, also
-- behind SET ROLE. As a barrier: no condition of a query sees a row that its author must not see.
create view bounced.deletion_requests with (security_barrier) as
  select r.*
    from (select request_id, customer, email, note, customer_id, requested_at, requested_by, state,
                 null::text as outcome, attempts, interruptions, next_attempt_at, claimed_by, claim, claimed_at,
                 unsure_since, null::timestamptz as finished_at, last_error
            from bounced.deletion_queue
           union all
          select request_id, customer, email, note, customer_id, requested_at, requested_by, state,
                 outcome, attempts, interruptions, next_attempt_at, null, claim, claimed_at,
                 unsure_since, finished_at, last_error
            from bounced.deletion_history) as r
   where r.requested_by = current_user or (select has_table_privilege('bounced.customers', 'select'));

-- Why no request can be made for an address; null: it can. The same rules as the table's.
-- (Its body is bound to its functions already: with a search_path of its own it could not be inlined.)
create function bounced.address_problem(email text) returns text
  language sql immutable
return case
  when translate(email, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\00AD\1680\180E\2000\2001\2002\2003\2004\2005\2006'
                        '\2007\2008\2009\200A\200B\200C\200D\2028\2029\202F\205F\2060\3000\FEFF', '') = ''
    then 'the email is blank'
  when email ~ U&'[\0001-\001F\007F-\009F]' then 'the email has control characters'
  when octet_length(email) > 1000 then 'the email is longer than 1000 bytes'
end;
revoke execute on function bounced.address_problem from public;

-- A request begins as pending, whatever the INSERT says, for a customer that there is. Blanks at the ends of an address
-- go, as they do from those of lists. Rows that name their customer's number come from a backup or were moved here, and
-- stay as they are.
create function bounced.queue_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  asked   text := new.email;
  problem text;
begin
  if new.customer_id is not null then
    return new;
  end if;
  -- It may be long, but no document. What is there already stays.
  if octet_length(new.note) > 10000 then
    raise exception 'the note is longer than 10000 bytes' using errcode = 'check_violation';
  end if;
  select c.customer_id into new.customer_id from bounced.customers c where c.name = new.customer;
  if not found then
    raise exception 'there is no customer "%"', new.customer
      using errcode = 'foreign_key_violation',
            hint = 'Customers are named as in the configuration of the daemon, which must have seen it once.';
  end if;
  new.email := btrim(asked, U&'\0020\00A0\1680\2000\2001\2002\2003\2004\2005\2006'
                            '\2007\2008\2009\200A\2028\2029\202F\205F\3000');
  new.next_attempt_at := new.requested_at;
  problem := bounced.address_problem(new.email);
  if problem is not null
     and exists (select from bounced.mirror m
                  where m.customer_id = new.customer_id and m.email = asked and m.gone_at is null) then
    -- It is on the list, and came here together with others, which must not fail for it.
    insert into bounced.deletion_history (request_id, customer, email, note, customer_id, requested_at, requested_by,
                                          state, attempts, interruptions, next_attempt_at, finished_at, last_error)
    values (new.request_id, new.customer, asked, new.note, new.customer_id, new.requested_at, new.requested_by,
            'failed', 0, 0, new.requested_at, new.requested_at, problem || ': it cannot be asked for');
    return null;
  end if;
  return new;
end
$$;
revoke execute on function bounced.queue_request from public;
create trigger queue_request before insert on bounced.deletion_queue
  for each row execute function bounced.queue_request();

-- Wakes the daemons, when the transaction commits.
create trigger wake_for_requests after insert on bounced.deletion_queue
  for each statement execute function bounced.wake_for_requests();

-- A rule, since it makes one statement of a million requests: as a trigger of the view it would be a million statements.
create rule queue as on insert to bounced.deletion_requests do instead
  insert into bounced.deletion_queue (customer, email, note, requested_by)
  values (new.customer, new.email, new.note, current_user)
  returning request_id, customer, email, note, customer_id, requested_at, requested_by, state, null::text, attempts,
            interruptions, next_attempt_at, claimed_by, claim, claimed_at, unsure_since, null::timestamptz, last_error;

-- COPY knows no rules. Two triggers: the first runs as the one who copies.
create function bounced.name_requester() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  new.requested_by := current_user;
  return new;
end
$$;
revoke execute on function bounced.name_requester from public;
create trigger a_name_requester instead of insert on bounced.deletion_requests
  for each row execute function bounced.name_requester();

create function bounced.copy_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into bounced.deletion_queue (customer, email, note, requested_by)
  values (new.customer, new.email, new.note, new.requested_by);
  return new;
end
$$;
revoke execute on function bounced.copy_request from public;
create trigger b_copy_request instead of insert on bounced.deletion_requests
  for each row execute function bounced.copy_request();

-- The first of two triggers of an UPDATE: it runs as the one who updates. Who may change the whole view may change
-- everybody's.
create function bounced.is_ones_own() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if old.requested_by <> current_user and not has_table_privilege('bounced.deletion_requests', 'update') then
    return null;
  end if;
  return new;
end
$$;
revoke execute on function bounced.is_ones_own from public;
create trigger a_is_ones_own instead of update on bounced.deletion_requests
  for each row execute function bounced.is_ones_own();

-- What people may change: cancel what is pending, queue again what failed, and the note. What a daemon has taken
-- meanwhile is left out, as an UPDATE of a table leaves out what its condition does not fit any more.
create function bounced.change_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changed boolean;
begin
  if to_jsonb(new) - '{state,note}'::text[] is distinct from to_jsonb(old) - '{state,note}'::text[] then
    raise exception 'only the state and the note of a deletion request can be changed'
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Cancel it (state = ''cancelled'') and insert another one.';
  end if;
  if new.note is distinct from old.note and octet_length(new.note) > 10000 then
    raise exception 'the note is longer than 10000 bytes' using errcode = 'check_violation';
  end if;
  if new.state = old.state then
    update bounced.deletion_queue q set note = new.note where q.request_id = old.request_id;
    if not found then
      update bounced.deletion_history h set note = new.note where h.request_id = old.request_id;
    end if;
    changed := found;
  elsif old.state = 'pending' and new.state = 'cancelled' then
    with cancelled as (
      delete from bounced.deletion_queue q where q.request_id = old.request_id and q.state = 'pending' returning *
    )
    insert into bounced.deletion_history (request_id, customer, email, note, customer_id, requested_at, requested_by,
                                          state, attempts, interruptions, next_attempt_at, claim, claimed_at,
                                          unsure_since, finished_at, last_error)
    select request_id, customer, email, case when new.note is distinct from old.note then new.note else note end,
           customer_id, requested_at, requested_by, 'cancelled', attempts, interruptions, next_attempt_at, claim,
           claimed_at, unsure_since, clock_timestamp(), last_error
      from cancelled
    returning finished_at into new.finished_at;
    changed := found;
  elsif old.state = 'failed' and new.state = 'pending' then
    new.attempts := 0;
    new.next_attempt_at := clock_timestamp();
    new.finished_at := null;
    with failed as (
      delete from bounced.deletion_history h
       where h.request_id = old.request_id and h.state = 'failed'
         and bounced.address_problem(h.email) is null  -- what cannot be asked for stays failed
      returning *
    )
    insert into bounced.deletion_queue (request_id, customer, email, note, customer_id, requested_at, requested_by,
                                        interruptions, next_attempt_at, claim, claimed_at, unsure_since, last_error)
    overriding system value
    select request_id, customer, email, case when new.note is distinct from old.note then new.note else note end,
           customer_id, requested_at, requested_by, interruptions, new.next_attempt_at, claim, claimed_at, unsure_since,
           last_error
      from failed;
    changed := found;
  else
    raise exception 'deletion request % is "%" and cannot be set to "%"', old.request_id, old.state, new.state
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'What is pending can be cancelled, and what failed can be set to pending: '
                   'add "and state = ''pending''", or ''failed'', to the condition.';
  end if;
  return case when changed then new end;
end
$$;
revoke execute on function bounced.change_request from public;
create trigger b_change_request instead of update on bounced.deletion_requests
  for each row execute function bounced.change_request();

-- For who may delete from the view, which nobody needs: retention removes what is old.
create function bounced.remove_request() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from bounced.deletion_queue q where q.request_id = old.request_id;
  if not found then
    delete from bounced.deletion_history h where h.request_id = old.request_id;
  end if;
  return old;
end
$$;
revoke execute on function bounced.remove_request from public;
create trigger remove_request instead of delete on bounced.deletion_requests
  for each row execute function bounced.remove_request();

-- The view grants what the table granted; the tables are for daemons.
do $$
declare
  g record;
begin
  for g in
    select a.grantee, a.privilege_type as privilege, a.is_grantable, null::name as column_name
      from pg_class c
     cross join aclexplode(c.relacl) a
     where c.oid = 'bounced.deletion_history'::regclass and a.grantee <> c.relowner
       and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    union all
    select a.grantee, a.privilege_type, a.is_grantable, t.attname
      from pg_class c
      join pg_attribute t on t.attrelid = c.oid and not t.attisdropped
     cross join aclexplode(t.attacl) a
     where c.oid = 'bounced.deletion_history'::regclass and a.grantee <> c.relowner
       and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE')
  loop
    execute format('grant %s%s on bounced.deletion_requests to %s%s', g.privilege,
                   case when g.column_name is not null then format(' (%I)', g.column_name) else '' end,
                   case when g.grantee = 0 then 'public' else g.grantee::regrole::text end,
                   case when g.is_grantable then ' with grant option' else '' end);
  end loop;
  for g in
    select distinct a.grantee
      from (select relowner, relacl as acl from pg_class where oid = 'bounced.deletion_history'::regclass
             union all
            select c.relowner, t.attacl
              from pg_class c join pg_attribute t on t.attrelid = c.oid and not t.attisdropped
             where c.oid = 'bounced.deletion_history'::regclass) as c
     cross join aclexplode(c.acl) a
     where a.grantee <> c.relowner
  loop
    execute format('revoke all on bounced.deletion_history from %s cascade',
                   case when g.grantee = 0 then 'public' else g.grantee::regrole::text end);
  end loop;
  for g in
    select distinct a.grantee
      from pg_class c
     cross join aclexplode(c.relacl) a
     where c.oid = 'bounced.daemons'::regclass and a.privilege_type = 'INSERT' and a.grantee not in (0, c.relowner)
  loop
    execute format('grant select, update, delete on bounced.deletion_queue to %s', g.grantee::regrole);
    execute format('grant select, insert, update, delete on bounced.deletion_history to %s', g.grantee::regrole);
  end loop;
end
$$;
