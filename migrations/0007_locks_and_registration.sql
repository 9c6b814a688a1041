-- Nothing that a daemon relies on hangs on a lock that people may take who have no more than the rights to look, to ask
-- for polls, or to queue deletions. A registration that finds nothing new costs next to nothing.

-- Polls that people asked for. They only add rows here: a transaction that asks for polls and stays open holds up none.
-- Daemons note them in the customers' rows.
create table bounced.poll_requests (
  poll_request_id bigint generated always as identity primary key,
  customer_id     integer not null references bounced.customers on delete cascade,
  asked_at        timestamptz not null default clock_timestamp()
);
create index poll_requests_customer on bounced.poll_requests (customer_id);
-- Roles that daemons run as have been granted what they needed before.
do $$
declare
  daemon oid;
begin
  for daemon in
    select distinct a.grantee
      from pg_class c
     cross join aclexplode(c.relacl) a
     where c.oid = 'bounced.daemons'::regclass and a.privilege_type = 'INSERT' and a.grantee not in (0, c.relowner)
  loop
    execute format('grant select, delete on bounced.poll_requests to %s', daemon::regrole);
  end loop;
end
$$;

create or replace function bounced.poll_now(customer text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into bounced.poll_requests (customer_id)
  select c.customer_id from bounced.customers c where c.name = poll_now.customer and c.active;
  if not found then
    if exists (select from bounced.customers c where c.name = poll_now.customer) then
      raise exception 'customer "%" is not active', poll_now.customer
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'It is in no configuration of a running daemon. Add it to the configuration and reload.';
    end if;
    raise exception 'there is no customer "%"', poll_now.customer
      using errcode = 'no_data_found', hint = 'select name from bounced.customers shows those that there are.';
  end if;
  perform pg_notify('bounced_polls', '');
end
$$;

-- Anybody can set a variable. A daemon's session is one that also has a right which only daemons need.
create function bounced.is_daemon() returns boolean
  language sql stable
return current_setting('bounced.daemon', true) is not distinct from 'on'
       and has_table_privilege('bounced.daemons', 'insert');

drop trigger change_request on bounced.deletion_requests;
create trigger change_request before update on bounced.deletion_requests
  for each row when (not bounced.is_daemon())
  execute function bounced.change_request();

-- How often a daemon's registration changed something. Who finds the same daemons with the same numbers as the last time
-- has nothing to compare.
alter table bounced.daemons
  add registrations bigint not null default 0;
