-- Every customer, with its times as text and as seconds ago.
select c.name, c.account, c.active, c.failures, c.last_error, c.current_bounces,
       exists (select from bounced.live_daemons d where d.daemon_id = c.claimed_by),
       coalesce(bounced.pause_end(a, 'lists') > now(), false),
       to_char(c.last_error_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - c.last_error_at)::float8,
       to_char(c.last_poll_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - c.last_poll_at)::float8,
       to_char(c.last_full_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - c.last_full_at)::float8,
       to_char(c.next_poll_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - c.next_poll_at)::float8,
       to_char(c.held_since, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), extract(epoch from now() - c.held_since)::float8,
       extract(epoch from c.poll_every)::float8
  from bounced.customers c
  join bounced.accounts a on a.name = c.account
 order by c.name
