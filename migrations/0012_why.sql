-- Why it bounced. Each bounce has a class and a folded reason, which the daemon finds by its rules; which bounce of the
-- address on that list it is; and counts of all that are exact at any moment.

alter table bounced.mirror
  add column class       smallint check (class between 0 and 6),  -- null: no daemon has classified it yet
  add column nth         smallint not null default 1,
  add column class_rules integer,
  add column reason_key  bigint;

-- Of bounces that are known already: which of the address's it is.
update bounced.mirror m
   set nth = least(p.nth, 32767)
  from (select customer_id, bounce_id,
               row_number() over (partition by customer_id, email
                                  order by coalesce(bounced_at, '-infinity'), bounce_id) as nth
          from bounced.mirror) p
 where p.nth > 1 and m.customer_id = p.customer_id and m.bounce_id = p.bounce_id;

create index mirror_repeated on bounced.mirror (nth) where gone_at is null and nth > 1;
create index mirror_seen_again on bounced.mirror (first_seen_at) where nth > 1;

-- The sets of rules that daemons have classified by. The last one counts.
create table bounced.class_rules (
  version     integer generated always as identity primary key,
  fingerprint bigint not null,
  adopted_at  timestamptz not null default now()
);

-- How far the mirror has been classified by the last one.
create table bounced.classification (
  only_row    boolean primary key default true check (only_row),
  version     integer not null default 0,
  customer_id integer not null default 0,  -- up to this row of the mirror
  bounce_id   bigint not null default 0,
  finished_at timestamptz,
  passes      integer not null default 0   -- that have ended
);
insert into bounced.classification default values;

-- For people: classifies the whole mirror once more.
create function bounced.reclassify() returns void
  language sql security definer set search_path = pg_catalog, pg_temp
as $$
  update bounced.classification set customer_id = 0, bounce_id = 0, finished_at = null, passes = 0
$$;
revoke execute on function bounced.reclassify from public;

-- What the keys of reasons stand for. A key may be there twice: two daemons may have met a reason at the same time, and
-- neither waits for the other.
create table bounced.reasons (
  reason_key bigint not null,
  reason     text not null,  -- folded: <address>, <host>, <number> for what differs
  sample     text not null
);
create index reasons_key on bounced.reasons (reason_key);
alter table bounced.reasons replica identity full;  -- so that a publisher can update it

-- Domains of which it is known who receives their mail. People may change it.
create table bounced.providers (
  domain   text primary key check (domain = lower(domain)),
  provider text not null
);

-- Counts. A change of the mirror writes what it adds to them into count_changes, so that it waits for nobody, and
-- fold_counts() adds that up later. The counts and the changes together are exact at any moment.

-- Customer 0 is all of them together. Days are those of UTC.
create table bounced.day_counts (
  customer_id integer not null,
  day         date not null,
  class       smallint not null,
  bounced     integer not null,      -- that day
  current     integer not null,      -- of those: on the list now
  arrived     integer not null,      -- first seen that day
  deleted     integer not null,      -- gone that day, by reason
  disappeared integer not null,
  superseded  integer not null,
  primary key (customer_id, day, class)
) with (fillfactor = 90);
create index day_counts_day on bounced.day_counts (day);

create table bounced.customer_counts (
  customer_id integer not null,
  class       smallint not null,
  bounced     integer not null,
  current     integer not null,
  primary key (customer_id, class)
) with (fillfactor = 90);

create table bounced.domain_counts (
  domain              text primary key collate "C",
  bounced             integer not null,
  current             integer not null,
  unclassified        integer not null,  -- of the current ones, by class
  invalid_address     integer not null,
  mailbox_unavailable integer not null,
  technical_failure   integer not null,
  content             integer not null,
  reputation          integer not null,
  frequency_or_volume integer not null
) with (fillfactor = 90);

create table bounced.reason_counts (
  reason_key bigint not null,
  class      smallint not null,
  bounced    integer not null,
  current    integer not null,
  primary key (reason_key, class)
) with (fillfactor = 90);

-- A row is about a customer's day, or a domain, or a reason.
create table bounced.count_changes (
  change_id   bigint generated always as identity primary key,
  customer_id integer,
  day         date,
  domain      text collate "C",
  reason_key  bigint,
  class       smallint not null,
  bounced     integer not null default 0,
  current     integer not null default 0,
  arrived     integer not null default 0,
  deleted     integer not null default 0,
  disappeared integer not null default 0,
  superseded  integer not null default 0
);
create index count_changes_customer on bounced.count_changes (customer_id) where customer_id is not null;

-- The triggers of the mirror, and recount(), count rows of different sources in the same way.
do $make$
declare
  declaration constant text := $$
create function bounced.%1$I() returns %2$s
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $body$
begin
  %3$s
  insert into bounced.count_changes (customer_id, day, domain, reason_key, class, bounced, current, arrived, deleted,
                                     disappeared, superseded)
  select *
    from (select customer_id, coalesce(bounced_on, arrived_on, gone_on) as day, domain, reason_key, class,
                 coalesce(sum(rows) filter (where counts_bounced), 0) as bounced,
                 coalesce(sum(current) filter (where counts_bounced), 0) as current,
                 coalesce(sum(rows) filter (where counts_arrived), 0) as arrived,
                 coalesce(sum(rows) filter (where gone_because = 'deleted'), 0) as deleted,
                 coalesce(sum(rows) filter (where gone_because = 'disappeared'), 0) as disappeared,
                 coalesce(sum(rows) filter (where gone_because = 'superseded'), 0) as superseded
            from (select customer_id, class, bounced_on, arrived_on, gone_on, gone_because, domain, reason_key,
                         sum(sign) as rows, coalesce(sum(sign) filter (where is_current), 0) as current,
                         grouping(bounced_on) = 0 or grouping(domain) = 0 or grouping(reason_key) = 0
                           as counts_bounced,
                         grouping(arrived_on) = 0 as counts_arrived
                    from (select sign, customer_id, coalesce(class, 0::smallint) as class,
                                 (coalesce(bounced_at, first_seen_at) at time zone 'UTC')::date as bounced_on,
                                 (first_seen_at at time zone 'UTC')::date as arrived_on,
                                 (gone_at at time zone 'UTC')::date as gone_on, gone_because,
                                 gone_at is null as is_current, lower(split_part(email, '@', -1)) as domain,
                                 coalesce(reason_key, 0) as reason_key
                            from (%4$s) as source) as facts
                   group by grouping sets ((customer_id, class, bounced_on), (customer_id, class, arrived_on),
                                           (customer_id, class, gone_on, gone_because), (domain, class),
                                           (reason_key, class))) as grouped
           group by 1, 2, 3, 4, 5) as counted
   where (bounced, current, arrived, deleted, disappeared, superseded) <> (0, 0, 0, 0, 0, 0);
  %5$s
end
$body$
$$;
begin
  execute format(declaration, 'count_added', 'trigger',
                 'if not exists (select from added) then return null; end if;',
                 'select 1 as sign, a.* from added a', 'return null;');
  execute format(declaration, 'count_removed', 'trigger',
                 'if not exists (select from removed) then return null; end if;',
                 'select -1 as sign, r.* from removed r', 'return null;');
  execute format(declaration, 'count_changed', 'trigger',
                 'if not exists (select from added) then return null; end if;',
                 'select 1 as sign, a.* from added a union all select -1, r.* from removed r', 'return null;');
  -- For people: counts everything anew, after rows of the mirror came in without their triggers.
  execute format(declaration, 'recount', 'void',
                 'if current_setting(''transaction_isolation'') <> ''read committed'' then
    raise exception ''bounced.recount() needs a transaction of isolation level read committed'';
  end if;
  lock table bounced.mirror in share row exclusive mode;
  perform pg_advisory_xact_lock(hashtextextended(''bounced fold_counts'', 0));
  delete from bounced.count_changes;
  delete from bounced.day_counts;
  delete from bounced.customer_counts;
  delete from bounced.domain_counts;
  delete from bounced.reason_counts;',
                 'select 1 as sign, m.* from bounced.mirror m',
                 'perform bounced.fold_counts(null);');
end
$make$;
revoke execute on function bounced.recount, bounced.count_added, bounced.count_removed, bounced.count_changed
  from public;

-- Adds up to so many of the changes (null: all) to the counts; gives how many there were. One session at a time does it.
create function bounced.fold_counts(most bigint) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  folded bigint;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('bounced fold_counts', 0)) then
    return 0;
  end if;
  with taken as (
    delete from bounced.count_changes
     where change_id in (select change_id from bounced.count_changes order by change_id limit most)
    returning *
  ), days as (
    insert into bounced.day_counts as c
    select coalesce(customer_id, 0), day, class, sum(bounced), sum(current), sum(arrived), sum(deleted),
           sum(disappeared), sum(superseded)
      from taken
     where day is not null
     group by day, class, rollup (customer_id)
    on conflict (customer_id, day, class) do update
       set bounced = c.bounced + excluded.bounced, current = c.current + excluded.current,
           arrived = c.arrived + excluded.arrived, deleted = c.deleted + excluded.deleted,
           disappeared = c.disappeared + excluded.disappeared, superseded = c.superseded + excluded.superseded
  ), customers as (
    insert into bounced.customer_counts as c
    select coalesce(customer_id, 0), class, sum(bounced), sum(current)
      from taken
     where day is not null
     group by class, rollup (customer_id)
    on conflict (customer_id, class) do update
       set bounced = c.bounced + excluded.bounced, current = c.current + excluded.current
  ), domains as (
    insert into bounced.domain_counts as c
    select domain, sum(bounced), sum(current),
           coalesce(sum(current) filter (where class = 0), 0), coalesce(sum(current) filter (where class = 1), 0),
           coalesce(sum(current) filter (where class = 2), 0), coalesce(sum(current) filter (where class = 3), 0),
           coalesce(sum(current) filter (where class = 4), 0), coalesce(sum(current) filter (where class = 5), 0),
           coalesce(sum(current) filter (where class = 6), 0)
      from taken
     where domain is not null
     group by domain
    on conflict (domain) do update
       set bounced = c.bounced + excluded.bounced, current = c.current + excluded.current,
           unclassified = c.unclassified + excluded.unclassified,
           invalid_address = c.invalid_address + excluded.invalid_address,
           mailbox_unavailable = c.mailbox_unavailable + excluded.mailbox_unavailable,
           technical_failure = c.technical_failure + excluded.technical_failure,
           content = c.content + excluded.content, reputation = c.reputation + excluded.reputation,
           frequency_or_volume = c.frequency_or_volume + excluded.frequency_or_volume
  ), reasons as (
    insert into bounced.reason_counts as c
    select reason_key, class, sum(bounced), sum(current)
      from taken
     where reason_key is not null
     group by reason_key, class
    on conflict (reason_key, class) do update
       set bounced = c.bounced + excluded.bounced, current = c.current + excluded.current
  )
  select count(*) into folded from taken;
  return folded;
end
$$;
revoke execute on function bounced.fold_counts from public;

create function bounced.count_nothing() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  truncate bounced.count_changes, bounced.day_counts, bounced.customer_counts, bounced.domain_counts,
    bounced.reason_counts;
  return null;
end
$$;
revoke execute on function bounced.count_nothing from public;

create trigger count_added after insert on bounced.mirror
  referencing new table as added for each statement execute function bounced.count_added();
create trigger count_changed after update on bounced.mirror
  referencing old table as removed new table as added for each statement execute function bounced.count_changed();
create trigger count_removed after delete on bounced.mirror
  referencing old table as removed for each statement execute function bounced.count_removed();
create trigger count_nothing after truncate on bounced.mirror
  for each statement execute function bounced.count_nothing();

select bounced.recount();

-- As before, and in the samples of reasons.
create or replace function bounced.forget(email text) returns bigint
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
  update bounced.reasons s set sample = s.reason where position(forget.email in s.sample) > 0;
  return bounces + requests;
end
$$;

-- What people ask.

create or replace view bounced.bounces as
  select c.name as customer, c.account, c.active, m.email, m.status, m.reason, m.bounced_at, m.first_seen_at,
         case when m.gone_at is null then greatest(m.last_seen_at, c.last_full_at) else m.last_seen_at end
           as last_seen_at,
         m.gone_at, m.gone_because, m.bounce_id,
         lower(split_part(m.email, '@', -1)) as domain,
         (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(m.class, 0) + 1] as class,
         -- The first digit of the enhanced status, or of the reply: 5 is for good, 4 for now.
         case left(m.status, 1) when '5' then 'hard' when '4' then 'soft' end as kind,
         m.nth
    from bounced.mirror m join bounced.customers c using (customer_id);

create or replace view bounced.current_bounces as
  select customer, account, active, email, status, reason, bounced_at, first_seen_at, last_seen_at, bounce_id, domain,
         class, kind, nth
    from bounced.bounces
   where gone_at is null;

create view bounced.bounces_by_day as
  select day, (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(class, 0) + 1] as class, sum(bounced)::bigint as bounced, sum(current)::bigint as current,
         sum(arrived)::bigint as arrived, sum(deleted)::bigint as deleted, sum(disappeared)::bigint as disappeared,
         sum(superseded)::bigint as superseded
    from (select day, class, bounced, current, arrived, deleted, disappeared, superseded
            from bounced.day_counts
           where customer_id = 0
          union all
          select day, class, bounced, current, arrived, deleted, disappeared, superseded
            from bounced.count_changes
           where day is not null) as counts
   group by day, counts.class;

create view bounced.customer_bounces_by_day as
  select c.name as customer, n.day, (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(n.class, 0) + 1] as class, n.bounced, n.current, n.arrived, n.deleted,
         n.disappeared, n.superseded
    from bounced.customers c
   cross join lateral (
     select day, class, sum(bounced)::bigint as bounced, sum(current)::bigint as current,
            sum(arrived)::bigint as arrived, sum(deleted)::bigint as deleted, sum(disappeared)::bigint as disappeared,
            sum(superseded)::bigint as superseded
       from (select day, class, bounced, current, arrived, deleted, disappeared, superseded
               from bounced.day_counts d
              where d.customer_id = c.customer_id
             union all
             select day, class, bounced, current, arrived, deleted, disappeared, superseded
               from bounced.count_changes d
              where d.customer_id = c.customer_id) as counts
      group by day, class) as n;

create view bounced.bounces_by_domain as
  with changes as (
    select domain, sum(bounced)::integer as bounced, sum(current)::integer as current,
           coalesce(sum(current) filter (where class = 0), 0)::integer as unclassified,
           coalesce(sum(current) filter (where class = 1), 0)::integer as invalid_address,
           coalesce(sum(current) filter (where class = 2), 0)::integer as mailbox_unavailable,
           coalesce(sum(current) filter (where class = 3), 0)::integer as technical_failure,
           coalesce(sum(current) filter (where class = 4), 0)::integer as content,
           coalesce(sum(current) filter (where class = 5), 0)::integer as reputation,
           coalesce(sum(current) filter (where class = 6), 0)::integer as frequency_or_volume
      from bounced.count_changes
     where domain is not null
     group by domain
  )
  select domain, p.provider,
         coalesce(d.bounced, 0) + coalesce(c.bounced, 0) as bounced,
         coalesce(d.current, 0) + coalesce(c.current, 0) as current,
         coalesce(d.invalid_address, 0) + coalesce(c.invalid_address, 0) as invalid_address,
         coalesce(d.mailbox_unavailable, 0) + coalesce(c.mailbox_unavailable, 0) as mailbox_unavailable,
         coalesce(d.technical_failure, 0) + coalesce(c.technical_failure, 0) as technical_failure,
         coalesce(d.content, 0) + coalesce(c.content, 0) as content,
         coalesce(d.reputation, 0) + coalesce(c.reputation, 0) as reputation,
         coalesce(d.frequency_or_volume, 0) + coalesce(c.frequency_or_volume, 0) as frequency_or_volume,
         coalesce(d.unclassified, 0) + coalesce(c.unclassified, 0) as unclassified
    from bounced.domain_counts d
    full join changes c using (domain)
    left join bounced.providers p using (domain);

create view bounced.top_reasons as
  select coalesce(r.reason, '(not classified yet)') as reason, (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(n.class, 0) + 1] as class, n.bounced,
         n.current, r.sample
    from (select reason_key, class, sum(bounced)::bigint as bounced, sum(current)::bigint as current
            from (select reason_key, class, bounced, current from bounced.reason_counts
                  union all
                  select reason_key, class, bounced, current
                    from bounced.count_changes
                   where reason_key is not null) as counts
           group by reason_key, class) as n
    left join lateral (select reason, sample from bounced.reasons s where s.reason_key = n.reason_key limit 1) r on true;

create view bounced.repeat_bounces as
  select c.name as customer, m.email, m.nth as times,
         (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(m.class, 0) + 1] as class, m.status,
         m.reason, m.bounced_at, m.first_seen_at
    from bounced.mirror m join bounced.customers c using (customer_id)
   where m.gone_at is null and m.nth > 1;

create view bounced.rebounced_after_deletion as
  select c.name as customer, m.email, d.gone_at as deleted_at, m.first_seen_at, m.bounced_at, m.nth as times,
         (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(m.class, 0) + 1] as class,
         m.status, m.reason, m.gone_at, m.gone_because
    from bounced.mirror m
    join bounced.mirror d on d.email = m.email and d.customer_id = m.customer_id and d.nth = m.nth - 1
                         and d.gone_because = 'deleted'
    join bounced.customers c on c.customer_id = m.customer_id
   where m.nth > 1;

create view bounced.customer_health as
  with totals as (
    select customer_id, sum(current) as current
      from (select customer_id, current from bounced.customer_counts where customer_id <> 0
            union all
            select customer_id, current from bounced.count_changes where customer_id is not null) as counts
     group by customer_id
  ), weeks as (
    select customer_id, sum(arrived) filter (where day > today - 7) as arrived_7_days,
           sum(arrived) filter (where day <= today - 7) as arrived_7_days_before,
           sum(deleted + disappeared) filter (where day > today - 7) as left_7_days
      from (select customer_id, day, arrived, deleted, disappeared from bounced.day_counts where customer_id <> 0
            union all
            select customer_id, day, arrived, deleted, disappeared
              from bounced.count_changes
             where customer_id is not null) as counts,
           (select (now() at time zone 'UTC')::date as today) as now
     where day > (now() at time zone 'UTC')::date - 14
     group by customer_id
  )
  select c.name as customer, c.account,
         case when not c.active then 'inactive'
              when c.failures > 0 then 'failing'
              when c.last_full_at is null then 'not polled yet'
              when c.held_since is not null then 'held'
              when c.next_poll_at < now() - interval '30 s'
                   and (c.claimed_by is null or c.next_poll_at < now() - c.poll_every - interval '30 s')
                   and not (a.paused_until > now() and coalesce(a.paused_calls, 'lists') = 'lists') then 'late'
              else 'well'
         end as state,
         coalesce(t.current, 0) as current, coalesce(w.arrived_7_days, 0) as arrived_7_days,
         coalesce(w.arrived_7_days_before, 0) as arrived_7_days_before, coalesce(w.left_7_days, 0) as left_7_days,
         c.failures, c.last_error, c.last_full_at, c.next_poll_at
    from bounced.customers c
    join bounced.accounts a on a.name = c.account
    left join totals t using (customer_id)
    left join weeks w using (customer_id);

-- The large providers of mailboxes, and what they are called. (From their own pages about sending to them, and the
-- domains that they offer.)
insert into bounced.providers (provider, domain)
select p.provider, d.domain
  from (values
    ('Google', '{gmail.com,googlemail.com}'::text[]),
    ('Microsoft', '{hotmail.com,outlook.com,live.com,msn.com,hotmail.co.uk,hotmail.fr,hotmail.de,hotmail.it,hotmail.es,'
                  'hotmail.com.br,live.co.uk,live.fr,live.nl,live.de,live.it,live.com.mx,live.ca,live.com.au,live.dk,'
                  'live.se,live.no,live.be,outlook.fr,outlook.de,outlook.es,outlook.it,outlook.com.br,outlook.co.uk,'
                  'windowslive.com,passport.com,hotmail.ca,hotmail.nl,hotmail.be,hotmail.se,hotmail.co.jp,outlook.jp,'
                  'outlook.com.au,hotmail.com.ar,hotmail.com.mx}'),
    ('Yahoo', '{yahoo.com,ymail.com,rocketmail.com,yahoo.co.uk,yahoo.fr,yahoo.de,yahoo.it,yahoo.es,yahoo.ca,'
              'yahoo.com.br,yahoo.com.mx,yahoo.com.ar,yahoo.co.in,yahoo.in,yahoo.com.au,yahoo.com.sg,yahoo.com.ph,'
              'yahoo.co.id,yahoo.com.hk,yahoo.com.tw,yahoo.co.nz,yahoo.ie,yahoo.se,yahoo.no,yahoo.dk,yahoo.gr,'
              'yahoo.com.vn,yahoo.com.tr,aol.com,aol.co.uk,aol.de,aol.fr,aim.com,netscape.net,verizon.net}'),
    ('Yahoo Japan', '{yahoo.co.jp,ymail.ne.jp}'),
    ('Apple', '{icloud.com,me.com,mac.com}'),
    ('1&1 Mail & Media', '{gmx.de,gmx.net,gmx.at,gmx.ch,gmx.com,gmx.fr,gmx.co.uk,gmx.us,web.de,email.de,mail.com,'
                         '1und1.de,usa.com,email.com}'),
    ('Deutsche Telekom', '{t-online.de,magenta.de}'),
    ('freenet', '{freenet.de}'),
    ('Vodafone', '{arcor.de,vodafone.de,vodafone.it,vodafone.es}'),
    ('Orange', '{orange.fr,wanadoo.fr,voila.fr}'),
    ('Free', '{free.fr,aliceadsl.fr}'),
    ('SFR', '{sfr.fr,neuf.fr,cegetel.net,club-internet.fr,9online.fr,numericable.fr}'),
    ('La Poste', '{laposte.net}'),
    ('Bouygues', '{bbox.fr}'),
    ('Italiaonline', '{libero.it,virgilio.it,inwind.it,iol.it,blu.it,giallo.it}'),
    ('TIM', '{tim.it,alice.it,tin.it}'),
    ('Tiscali', '{tiscali.it,tiscalinet.it}'),
    ('Telefónica', '{telefonica.net,terra.es,movistar.es}'),
    ('BT', '{btinternet.com,btopenworld.com,bt.com,talk21.com}'),
    ('Sky', '{sky.com}'),
    ('Virgin Media', '{virginmedia.com,ntlworld.com,blueyonder.co.uk,virgin.net}'),
    ('TalkTalk', '{talktalk.net,tiscali.co.uk,lineone.net}'),
    ('Comcast', '{comcast.net}'),
    ('AT&T', '{att.net,sbcglobal.net,bellsouth.net,ameritech.net,pacbell.net,swbell.net,snet.net,flash.net,'
             'prodigy.net}'),
    ('Charter', '{charter.net,spectrum.net,rr.com,roadrunner.com,twc.com,brighthouse.com}'),
    ('Cox', '{cox.net}'),
    ('EarthLink', '{earthlink.net,mindspring.com}'),
    ('Optimum', '{optonline.net,optimum.net,suddenlink.net}'),
    ('Lumen', '{centurylink.net,embarqmail.com,q.com,centurytel.net}'),
    ('Frontier', '{frontier.com,frontiernet.net}'),
    ('Windstream', '{windstream.net}'),
    ('Juno, NetZero', '{juno.com,netzero.net}'),
    ('Bell Canada', '{bell.net,sympatico.ca}'),
    ('Rogers', '{rogers.com}'),
    ('Shaw', '{shaw.ca}'),
    ('Telus', '{telus.net}'),
    ('Videotron', '{videotron.ca}'),
    ('Telstra', '{bigpond.com,bigpond.net.au,telstra.com}'),
    ('Optus', '{optusnet.com.au}'),
    ('TPG', '{iinet.net.au,tpg.com.au,westnet.com.au,internode.on.net}'),
    ('Spark', '{xtra.co.nz}'),
    ('UOL', '{uol.com.br,bol.com.br}'),
    ('Terra', '{terra.com.br}'),
    ('Globo', '{globo.com,globomail.com}'),
    ('iG', '{ig.com.br}'),
    ('VK', '{mail.ru,bk.ru,list.ru,inbox.ru,internet.ru}'),
    ('Yandex', '{yandex.ru,yandex.com,ya.ru,yandex.ua,yandex.kz,yandex.by,narod.ru}'),
    ('Rambler', '{rambler.ru,lenta.ru,autorambler.ru,myrambler.ru,ro.ru}'),
    ('Ukr.net', '{ukr.net}'),
    ('Tencent', '{qq.com,foxmail.com,vip.qq.com}'),
    ('NetEase', '{163.com,126.com,yeah.net,vip.163.com}'),
    ('Sina', '{sina.com,sina.cn,vip.sina.com}'),
    ('Sohu', '{sohu.com}'),
    ('Naver', '{naver.com}'),
    ('Kakao', '{daum.net,hanmail.net,kakao.com}'),
    ('Nate', '{nate.com}'),
    ('NTT Docomo', '{docomo.ne.jp}'),
    ('KDDI', '{ezweb.ne.jp,au.com}'),
    ('SoftBank', '{softbank.ne.jp,i.softbank.jp,ymobile.ne.jp}'),
    ('Rediff', '{rediffmail.com}'),
    ('Proton', '{protonmail.com,proton.me,pm.me,protonmail.ch}'),
    ('Zoho', '{zoho.com,zohomail.com}'),
    ('Fastmail', '{fastmail.com,fastmail.fm}'),
    ('Posteo', '{posteo.de}'),
    ('mailbox.org', '{mailbox.org}'),
    ('Onet', '{onet.pl,op.pl,onet.eu,poczta.onet.pl,vp.pl}'),
    ('Wirtualna Polska', '{wp.pl,o2.pl,go2.pl,tlen.pl}'),
    ('Interia', '{interia.pl,interia.eu,poczta.fm}'),
    ('Seznam', '{seznam.cz,email.cz,post.cz}'),
    ('Centrum', '{centrum.cz,atlas.cz,centrum.sk}'),
    ('Azet', '{azet.sk}'),
    ('Freemail', '{freemail.hu,citromail.hu}'),
    ('Ziggo', '{ziggo.nl,home.nl,upcmail.nl,casema.nl,quicknet.nl,chello.nl}'),
    ('KPN', '{kpnmail.nl,planet.nl,hetnet.nl,kpnplanet.nl,xs4all.nl,telfort.nl}'),
    ('Telenet', '{telenet.be}'),
    ('Proximus', '{skynet.be,proximus.be}'),
    ('Bluewin', '{bluewin.ch}'),
    ('A1', '{aon.at,a1.net}'),
    ('Telia', '{telia.com}'),
    ('Telenor', '{online.no}'),
    ('TDC', '{mail.dk,tdcadsl.dk,get2net.dk}'),
    ('Elisa', '{kolumbus.fi,elisanet.fi}'),
    ('abv.bg', '{abv.bg}'),
    ('Walla', '{walla.co.il,walla.com}')) as p (provider, domains)
 cross join unnest(p.domains) as d (domain);

comment on column bounced.mirror.class is 'The class: 0 Unclassified, 1 Invalid Address, 2 Mailbox Unavailable, 3 Technical Failure, 4 Content, 5 Reputation, 6 Frequency or Volume; null: not classified yet.';
comment on column bounced.mirror.nth is 'Which bounce of the address on this list it is, as far as the mirror knows: 1 for the first.';
comment on column bounced.mirror.class_rules is 'By which rules it was classified (see class_rules).';
comment on column bounced.mirror.reason_key is 'The key of the folded reason (see reasons).';
comment on column bounced.bounces.class is 'Why it bounced: Invalid Address, Mailbox Unavailable, Technical Failure, Content, Reputation, Frequency or Volume, or Unclassified.';
comment on column bounced.bounces.kind is 'hard: the server refused for good (5.x.x); soft: for now (4.x.x); null: the list does not say.';

comment on table bounced.class_rules is 'The sets of rules by which daemons have classified bounces. The last one counts.';
comment on column bounced.class_rules.version is 'The number of the set.';
comment on column bounced.class_rules.fingerprint is 'A checksum of the rules.';
comment on column bounced.class_rules.adopted_at is 'When a daemon first started with them.';
comment on table bounced.classification is 'How far the mirror has been classified by the last rules, in one row.';
comment on column bounced.classification.only_row is 'Always true.';
comment on column bounced.classification.version is 'The rules.';
comment on column bounced.classification.customer_id is 'Rows of the mirror up to this customer and bounce are done.';
comment on column bounced.classification.bounce_id is 'Rows of the mirror up to this customer and bounce are done.';
comment on column bounced.classification.finished_at is 'When all were done; null: not yet.';
comment on column bounced.classification.passes is 'How often all were done. Once is not enough: polls under way may still classify by the rules before.';
comment on table bounced.reasons is 'The folded texts of reasons.';
comment on column bounced.reasons.reason_key is 'The key, as mirror.reason_key has it.';
comment on column bounced.reasons.reason is 'The reason, with what differs from bounce to bounce replaced: <address>, <host>, <number>.';
comment on column bounced.reasons.sample is 'A reason as a server gave it.';
comment on table bounced.providers is 'Domains whose provider is known. You may change it.';
comment on column bounced.providers.domain is 'The domain, in lower case.';
comment on column bounced.providers.provider is 'Who receives its mail.';

comment on table bounced.day_counts is 'Bounces by customer, day and class. Read the views bounces_by_day and customer_bounces_by_day.';
comment on table bounced.customer_counts is 'Bounces by customer and class. Read the view customer_health.';
comment on table bounced.domain_counts is 'Bounces by domain. Read the view bounces_by_domain.';
comment on table bounced.reason_counts is 'Bounces by reason and class. Read the view top_reasons.';
comment on table bounced.count_changes is 'Changes of the mirror that are not yet added to the counts. The views include them.';
comment on column bounced.count_changes.change_id is 'The number of the row.';
comment on column bounced.day_counts.customer_id is 'The customer; 0: all customers.';
comment on column bounced.day_counts.day is 'The day, in UTC.';
comment on column bounced.day_counts.class is 'The number of the class, as in mirror.class.';
comment on column bounced.day_counts.bounced is 'Bounces of that day (bounced_at; where that is not known, first_seen_at).';
comment on column bounced.day_counts.current is 'Those of them that are on their list now.';
comment on column bounced.day_counts.arrived is 'Bounces that were first seen on that day.';
comment on column bounced.day_counts.deleted is 'Bounces that were taken off by a request on that day.';
comment on column bounced.day_counts.disappeared is 'Bounces that somebody else took off, as seen on that day.';
comment on column bounced.day_counts.superseded is 'Bounces that a later one of the same address replaced on that day.';
comment on column bounced.domain_counts.domain is 'What follows the last @ of the addresses, in lower case.';
comment on column bounced.domain_counts.bounced is 'All bounces.';
comment on column bounced.domain_counts.current is 'Those that are on their list now.';
comment on column bounced.domain_counts.unclassified is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.invalid_address is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.mailbox_unavailable is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.technical_failure is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.content is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.reputation is 'Of the current ones: those of this class.';
comment on column bounced.domain_counts.frequency_or_volume is 'Of the current ones: those of this class.';

comment on view bounced.bounces_by_day is 'How many bounces of each class there were on each day, of all customers. Days are those of UTC.';
comment on view bounced.customer_bounces_by_day is 'How many bounces of each class there were on each day, by customer. Days are those of UTC.';
comment on view bounced.bounces_by_domain is 'How many bounces there are at each domain, the current ones by class, and whose domain it is.';
comment on view bounced.top_reasons is 'What the servers say, folded, and how often, for all customers.';
comment on view bounced.repeat_bounces is 'Addresses on a list that have bounced more than once there.';
comment on view bounced.rebounced_after_deletion is 'Bounces of addresses that had been taken off the list by a request.';
comment on view bounced.customer_health is 'Each customer in one line: its state, its bounces, and those of the last two weeks.';
comment on column bounced.repeat_bounces.times is 'How often the address has bounced on this list, as far as the mirror knows.';
comment on column bounced.rebounced_after_deletion.deleted_at is 'When the address was taken off.';
comment on column bounced.customer_health.state is 'well, late, failing, held, not polled yet or inactive.';
comment on column bounced.customer_health.current is 'Bounces on the list now.';
comment on column bounced.customer_health.arrived_7_days is 'Bounces first seen on the last seven days, today included.';
comment on column bounced.customer_health.arrived_7_days_before is 'Bounces first seen on the seven days before these.';
comment on column bounced.customer_health.left_7_days is 'Bounces that were deleted or disappeared on the last seven days.';

comment on function bounced.reclassify() is 'Classifies the whole mirror once more, in the background.';
comment on function bounced.recount() is 'Counts all bounces anew. Needed only after rows of the mirror came in without their triggers.';
comment on function bounced.fold_counts(bigint) is 'Adds changes to the counts, as the daemons do.';
comment on function bounced.count_added() is 'Trigger of the mirror: counts new rows.';
comment on function bounced.count_changed() is 'Trigger of the mirror: counts changed rows.';
comment on function bounced.count_removed() is 'Trigger of the mirror: counts removed rows.';
comment on function bounced.count_nothing() is 'Trigger of the mirror: empties the counts.';

-- What is the same in several places has the same comment.
do $$
declare
  pair record;
  column_name text;
  words text;
begin
  for pair in
    select *
      from (values ('mirror', 'bounces'), ('bounces', 'current_bounces'), ('day_counts', 'reason_counts'), ('day_counts', 'customer_counts'),
                   ('domain_counts', 'customer_counts'),
                   ('reasons', 'reason_counts'), ('domain_counts', 'reason_counts'), ('day_counts', 'domain_counts'),
                   ('day_counts', 'count_changes'), ('domain_counts', 'count_changes'), ('reasons', 'count_changes'),
                   ('bounces', 'bounces_by_day'), ('day_counts', 'bounces_by_day'),
                   ('bounces', 'customer_bounces_by_day'), ('day_counts', 'customer_bounces_by_day'),
                   ('domain_counts', 'bounces_by_domain'),
                   ('providers', 'bounces_by_domain'), ('bounces', 'top_reasons'), ('reasons', 'top_reasons'),
                   ('domain_counts', 'top_reasons'), ('bounces', 'repeat_bounces'),
                   ('repeat_bounces', 'rebounced_after_deletion'), ('bounces', 'rebounced_after_deletion'),
                   ('bounces', 'customer_health'), ('customers', 'customer_health')) as p (source, target)
  loop
    for column_name, words in
      select a.attname, col_description(o.attrelid, o.attnum)
        from pg_attribute a
        join pg_attribute o on o.attrelid = ('bounced.' || pair.source)::regclass and o.attname = a.attname
       where a.attrelid = ('bounced.' || pair.target)::regclass and a.attnum > 0 and not a.attisdropped
         and col_description(a.attrelid, a.attnum) is null and col_description(o.attrelid, o.attnum) is not null
    loop
      execute format('comment on column bounced.%I.%I is %L', pair.target, column_name, words);
    end loop;
  end loop;
end
$$;
