-- Writes what became of requests, and what that means for the mirror. Their customers' rows are locked.
-- $1 daemon; $2 customers whose rows are locked; of each request: $3 number; $4 claim; $5 new state; $6 outcome;
-- $7 attempts and $8 interruptions to add; $9 error; $10 seconds to the next attempt; $11 why its bounces are gone;
-- $12 when it was claimed. A failover that loses commits gives out the same numbers once more, but not at the same time.
with ended as materialized (
  select r.request_id, r.customer_id, r.email, r.claimed_at, r.unsure_since, e.state, e.outcome, e.attempts,
         e.interruptions, e.error, e.again_in, e.because
    from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[], $10::float8[],
                $11::text[], $12::timestamptz[])
         as e (request_id, claim, state, outcome, attempts, interruptions, error, again_in, because, claimed_at)
    join bounced.deletion_queue r using (request_id)
   where r.state = 'sending' and r.claimed_by = $1 and r.claim = e.claim and r.claimed_at = e.claimed_at
     and r.customer_id = any ($2::int[])
     for no key update of r skip locked
), off as (
  -- An address may have been asked for twice.
  select customer_id, email, max(claimed_at) as claimed_at, min(coalesce(unsure_since, claimed_at)) as unsure_since,
         bool_or(because = 'deleted') as by_us
    from ended
   where because is not null
   group by customer_id, email
), gone as (
  update bounced.mirror m
     -- A clock that was put back makes nothing gone before it was last seen.
     set gone_at = greatest(now(), m.last_seen_at, c.last_full_at),
         gone_because = case when o.by_us then 'deleted' else 'disappeared' end,
         last_seen_at = greatest(m.last_seen_at, c.last_full_at)
    from off o
    join bounced.customers c on c.customer_id = o.customer_id
   where m.customer_id = o.customer_id and m.email = o.email and m.gone_at is null and m.first_seen_at < o.claimed_at
), ours as (
  select customer_id, email, unsure_since from off where by_us
  union all
  -- Refused at last; but an earlier call, of which nobody knows what became of it, may have been carried out.
  select customer_id, email, unsure_since from ended where state = 'failed' and unsure_since is not null
), corrected as (
  -- A list showed that the bounce had gone before the answer came: one that was asked for, or merged at least, after the
  -- call, or after an earlier call of which nobody knows what became of it. (A list that is read in pages may have had
  -- a later bounce of the address before the call, and lacked this one after it.)
  update bounced.mirror m
     set gone_because = 'deleted'
    from ours o
   where m.customer_id = o.customer_id and m.email = o.email
     and m.gone_because in ('disappeared', 'superseded')
     and (m.gone_at >= o.unsure_since
          or exists (select from bounced.polls p
                      where p.customer_id = m.customer_id and p.asked_at = m.gone_at
                        and p.finished_at >= o.unsure_since))
), given_back as (
  -- A daily limit counts what is claimed: what did not become a deletion is taken off again.
  update bounced.accounts a
     set deletions_count = greatest(0, a.deletions_count - n.requests)
    from (select l.name, count(*) as requests
            from ended e
            join bounced.customers c on c.customer_id = e.customer_id
            join bounced.accounts l on l.name = c.account and l.daily_limit is not null
                                   and l.deletions_day = (e.claimed_at at time zone 'UTC')::date
           where e.because is distinct from 'deleted'
           group by l.name) n
   where a.name = n.name
), again as (
  update bounced.deletion_queue r
     set state = 'pending', claimed_by = null, attempts = r.attempts + e.attempts,
         interruptions = r.interruptions + e.interruptions,
         unsure_since = case when e.attempts + e.interruptions > 0 then coalesce(r.unsure_since, r.claimed_at)
                             else r.unsure_since end,
         last_error = coalesce(e.error, r.last_error),
         next_attempt_at = case when e.again_in > 0 then clock_timestamp() + make_interval(secs => e.again_in)
                                else r.next_attempt_at end
    from ended e
   where r.request_id = e.request_id and e.state = 'pending'
  returning r.request_id
), finished as (
  delete from bounced.deletion_queue r
   using ended e
   where r.request_id = e.request_id and e.state <> 'pending'
  returning r.*, e.state as end_state, e.outcome, e.attempts as more_attempts, e.interruptions as more_interruptions,
            e.error
), noted as (
  insert into bounced.deletion_history (request_id, customer, email, note, customer_id, requested_at, requested_by,
                                        state, outcome, attempts, interruptions, next_attempt_at, claim, claimed_at,
                                        unsure_since, finished_at, last_error)
  select request_id, customer, email, note, customer_id, requested_at, requested_by, end_state, outcome,
         attempts + more_attempts, interruptions + more_interruptions, next_attempt_at, claim, claimed_at,
         case when more_attempts + more_interruptions > 0 then coalesce(unsure_since, claimed_at)
              else unsure_since end,
         now(), case when end_state <> 'done' then coalesce(error, last_error) end
    from finished
  returning request_id
)
select request_id from again
union all
select request_id from noted
