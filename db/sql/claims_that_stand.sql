-- Those of the requests that the daemon still holds under these claims. $1 daemon; $2 requests; $3 claims
select r.request_id
  from unnest($2::bigint[], $3::bigint[]) as e (request_id, claim)
  join bounced.deletion_requests r using (request_id)
 where r.state = 'sending' and r.claimed_by = $1 and r.claim = e.claim
