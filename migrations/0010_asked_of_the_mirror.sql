-- What people ask of the mirror has an index each: which addresses of a domain, what bounced when, what is new, what is
-- gone. (By address there is one.)

create index mirror_domain on bounced.mirror (lower(split_part(email, '@', -1)));
create index mirror_bounced on bounced.mirror (bounced_at);
-- New rows come in the order of time: a summary of each stretch of the table is enough, and costs a poll nothing.
create index mirror_first_seen on bounced.mirror using brin (first_seen_at)
  with (autosummarize = on, pages_per_range = 32);
create index mirror_gone on bounced.mirror (gone_at) where gone_at is not null;

create index deletion_history_email on bounced.deletion_history (email);

create or replace view bounced.bounces as
  select c.name as customer, c.account, c.active, m.email, m.status, m.reason, m.bounced_at, m.first_seen_at,
         case when m.gone_at is null then greatest(m.last_seen_at, c.last_full_at) else m.last_seen_at end
           as last_seen_at,
         m.gone_at, m.gone_because, m.bounce_id,
         lower(split_part(m.email, '@', -1)) as domain
    from bounced.mirror m join bounced.customers c using (customer_id);

create or replace view bounced.current_bounces as
  select customer, account, active, email, status, reason, bounced_at, first_seen_at, last_seen_at, bounce_id, domain
    from bounced.bounces
   where gone_at is null;

-- A statement by hand that has changed no row says nothing about the fingerprints. (The counters may include what the
-- session did within the last second.)
create or replace function bounced.note_edit() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op <> 'TRUNCATE' and current_setting('track_counts')::boolean
     and pg_stat_get_xact_tuples_inserted(tg_relid) + pg_stat_get_xact_tuples_updated(tg_relid)
         + pg_stat_get_xact_tuples_deleted(tg_relid) = 0 then
    return null;
  end if;
  update bounced.mirror_edition set edition = edition + 1;
  return null;
end
$$;

-- For people: removes everything about an address that is on no list any more. Gives the number of rows.
create function bounced.forget(email text) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  listed text;
  daemon text := coalesce(current_setting('bounced.daemon', true), '');
  bounces bigint;
  requests bigint;
begin
  select c.name into listed
    from bounced.mirror m join bounced.customers c using (customer_id)
   where m.email = forget.email and m.gone_at is null
   order by c.name
   limit 1;
  if listed is not null then
    raise exception 'the address is on the list of customer "%"', listed
      using errcode = 'object_in_use',
            hint = 'Queue its deletion first: insert into bounced.deletion_requests (customer, email) values (…).';
  end if;
  if exists (select from bounced.deletion_queue q where q.email = forget.email) then
    raise exception 'a deletion request for the address is open'
      using errcode = 'object_in_use', hint = 'Wait until it is finished, or cancel it.';
  end if;
  -- A merge looks at what was deleted lately; without that, a list that was asked for before would bring it back.
  if exists (select from bounced.deletion_history h join bounced.customers c using (customer_id)
              where h.email = forget.email and h.state = 'done'
                and (h.finished_at > now() - interval '10 min' or c.claimed_by is not null)) then
    raise exception 'the address was deleted a moment ago, and a list may still have it'
      using errcode = 'object_in_use', hint = 'Try again in 10 minutes.';
  end if;
  -- No current row changes: the fingerprints of lists stay.
  perform set_config('bounced.daemon', 'on', true);
  delete from bounced.mirror m where m.email = forget.email and m.gone_at is not null;
  get diagnostics bounces = row_count;
  perform set_config('bounced.daemon', daemon, true);
  delete from bounced.deletion_history h where h.email = forget.email;
  get diagnostics requests = row_count;
  return bounces + requests;
end
$$;
revoke execute on function bounced.forget from public;
