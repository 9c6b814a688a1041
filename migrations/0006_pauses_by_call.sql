-- A pause concerns one kind of call: lists, deletions or subusers; or all of them, where the credentials are wrong.
alter table bounced.accounts
  add call_pauses  jsonb,  -- by kind of call, or 'all': at, until, because, kind of fault, times
  add paused_calls text;   -- which calls paused_until is about; null: all of them
-- In steps, since a function takes rows of the table.
alter table bounced.accounts alter call_pauses set default '{}';
update bounced.accounts set call_pauses = '{}';
alter table bounced.accounts alter call_pauses set not null;

-- The other columns tell of the pause that ends last.
create function bounced.tell_pauses() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  calls text;
  pause jsonb;
begin
  select p.key, p.value into calls, pause
    from jsonb_each(new.call_pauses) as p
   order by (p.value ->> 'until')::timestamptz desc, p.key
   limit 1;
  new.paused_at := (pause ->> 'at')::timestamptz;
  new.paused_until := (pause ->> 'until')::timestamptz;
  new.paused_because := pause ->> 'because';
  new.paused_kind := pause ->> 'kind';
  new.pauses := coalesce((pause ->> 'times')::int, 0);
  new.paused_calls := nullif(calls, 'all');
  return new;
end
$$;
revoke execute on function bounced.tell_pauses from public;
create trigger tell_pauses before update of call_pauses on bounced.accounts
  for each row when (new.call_pauses is distinct from old.call_pauses)
  execute function bounced.tell_pauses();

-- A daemon of before writes those columns itself, beside one that reads only call_pauses.
create function bounced.adopt_pause() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if new.paused_until is null then
    new.call_pauses := '{}';
  else
    new.call_pauses := new.call_pauses || jsonb_build_object('all', jsonb_build_object(
      'at', coalesce(new.paused_at, clock_timestamp()), 'until', new.paused_until, 'because', new.paused_because,
      'kind', new.paused_kind, 'times', new.pauses));
  end if;
  new.paused_calls := null;
  return new;
end
$$;
revoke execute on function bounced.adopt_pause from public;
create trigger adopt_pause before update of paused_until on bounced.accounts
  for each row when (new.call_pauses is not distinct from old.call_pauses)
  execute function bounced.adopt_pause();

update bounced.accounts
   set call_pauses = jsonb_build_object('all', jsonb_build_object(
         'at', paused_at, 'until', paused_until, 'because', paused_because, 'kind', paused_kind, 'times', pauses))
 where paused_at is not null and paused_until is not null;

-- Until when the account makes no such calls; null or past: it may.
create function bounced.pause_end(account bounced.accounts, calls text) returns timestamptz
  language sql stable
return greatest((account.call_pauses #>> array[calls, 'until'])::timestamptz,
                (account.call_pauses #>> '{all,until}')::timestamptz);
