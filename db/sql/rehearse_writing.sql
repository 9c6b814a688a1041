-- A row in each table that daemons insert into, with the next numbers of the sequences. To be rolled back: nobody else
-- sees it, and it locks nothing that exists. All of it sees the rows that were there at the beginning, and they have
-- smaller numbers, unless a sequence was left behind, as by a restore of the data alone.
set transaction isolation level repeatable read;
insert into bounced.daemons (host, pid, version) values ('bounced check', -txid_current() % 1000000000, '');
insert into bounced.accounts (name, api) values ('bounced check ' || txid_current(), 'v2');
insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days)
  values ('bounced check ' || txid_current(), 'bounced check ' || txid_current(), '', '1h', '1h', 0);
insert into bounced.polls (customer_id, kind, asked_at)
  select customer_id, 'full', now() from bounced.customers where name = 'bounced check ' || txid_current();
insert into bounced.mirror (customer_id, email, status, reason, first_seen_at, last_seen_at)
  select customer_id, '', '', '', now(), now() from bounced.customers where name = 'bounced check ' || txid_current();
select nextval('bounced.claims');
do $$
declare
  customer integer := (select customer_id from bounced.customers where name = 'bounced check ' || txid_current());
begin
  if exists (select from bounced.customers where customer_id > customer) then
    raise exception 'the sequence of bounced.customers.customer_id is behind the rows';
  end if;
  if exists (select from bounced.polls
              where poll_id > (select poll_id from bounced.polls where customer_id = customer)) then
    raise exception 'the sequence of bounced.polls.poll_id is behind the rows';
  end if;
  if exists (select from bounced.daemons
              where daemon_id > (select daemon_id from bounced.daemons
                                  where host = 'bounced check' and pid = -txid_current() % 1000000000)) then
    raise exception 'the sequence of bounced.daemons.daemon_id is behind the rows';
  end if;
end
$$
