-- Those of the requests that the daemon still holds under these claims.
-- $1 daemon; $2 requests; $3 claims; $4 when they were made
select r.request_id
  from unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) as e (request_id, claim, claimed_at)
  join bounced.deletion_queue r using (request_id)
 where r.state = 'sending' and r.claimed_by = $1 and r.claim = e.claim and r.claimed_at = e.claimed_at
