-- Every deletion request for an address, the latest first. $1 spellings of the address
with found as (
  select request_id, customer, email, state, null::text as outcome, requested_by, note, last_error, requested_at,
         null::timestamptz as finished_at
    from bounced.deletion_queue
   where email = any ($1::text[])
  union all
  select request_id, customer, email, state, outcome, requested_by, note, last_error, requested_at, finished_at
    from bounced.deletion_history
   where email = any ($1::text[])
)
select r.request_id, r.customer, r.email, r.state, r.outcome, r.requested_by, r.note, r.last_error,
       to_char(r.requested_at at time zone 'UTC', t.format), to_char(r.finished_at at time zone 'UTC', t.format)
  from found r, (select 'YYYY-MM-DD"T"HH24:MI:SS"Z"' as format) t
 order by r.customer, r.request_id desc
