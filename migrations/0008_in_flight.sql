-- What each daemon has in flight, as of its last heartbeat, and how often something outlived its deadline.
alter table bounced.daemons
  add column in_flight jsonb not null default '{"count": 0, "oldest": []}',
  add column stalls    bigint not null default 0;
