-- Polls of lists that are long, or the same as before, cost less.

-- A full list that is what the mirror has already needs no merge. Each customer's row keeps the fingerprint of the last
-- full list, where the customer's current bounces are exactly that list.

alter table bounced.customers
  add list_print     uuid,         -- of the entries in any order; null: the next list is merged, whatever it is
  add list_size      bigint,       -- entries
  add list_asked_at  timestamptz,  -- when that list was asked for last
  add list_merged_at timestamptz,  -- when it was asked for as it was merged, and not only found to be the same
  add list_edition   bigint;       -- of the mirror then

-- How often somebody other than a daemon has changed rows of the mirror: no fingerprint of before counts any more.
create table bounced.mirror_edition (
  only_row boolean primary key default true check (only_row),
  edition  bigint not null default 0
);
insert into bounced.mirror_edition default values;

create function bounced.note_edit() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update bounced.mirror_edition set edition = edition + 1;
  return null;
end
$$;
revoke execute on function bounced.note_edit from public;
-- For each statement, and without its rows: a merge of a million rows must not feel it.
create trigger note_edit after insert or update or delete or truncate on bounced.mirror
  for each statement when (current_setting('bounced.daemon', true) is distinct from 'on')
  execute function bounced.note_edit();

-- A merge has its customer's row locked: that the customer of each new row exists need not be looked up a million times.
-- The other direction is kept.
alter table bounced.mirror drop constraint mirror_customer_id_fkey;

create function bounced.keep_customer() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from bounced.mirror m where m.customer_id = old.customer_id) then
    raise exception 'customer "%" has bounces', old.name
      using errcode = 'foreign_key_violation',
            hint = 'Take it out of the configuration: it becomes inactive, and its history stays.';
  end if;
  return old;
end
$$;
revoke execute on function bounced.keep_customer from public;
create trigger keep_customer before delete on bounced.customers
  for each row execute function bounced.keep_customer();
