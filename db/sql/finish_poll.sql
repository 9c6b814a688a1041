-- Notes success, sets the next poll and gives the claim back, in the merge's transaction.
-- $1 customer; $2 when the list was asked for; $3 whether it was a full list that is believed; $4 whether the shrink
-- guard holds it; $5 what is worth saying about it, or null; $6 by how much the count of current bounces changed; $7 the
-- list's fingerprint, where the current bounces are exactly that list, $8 its entries, $9 the edition of the mirror; $10
-- whether it was merged, not only found to be the same; $11 whether the fingerprint that is there still counts.
update bounced.customers c
   set claimed_by = null,
       last_poll_at = greatest(last_poll_at, $2),
       last_full_at = case when $3 then greatest(last_full_at, $2) else last_full_at end,
       failures = 0,
       last_error = $5::text,
       last_error_at = case when $5 is not null then clock_timestamp() end,
       held_since = case when $4 then coalesce(held_since, $2) when $3 then null else held_since end,
       full_asked_at = n.full_asked_at,
       next_poll_at = n.at,
       current_bounces = coalesce(n.counted, current_bounces + $6),
       list_print = case when $11 then list_print else $7::uuid end,
       list_size = coalesce($8, list_size),
       list_edition = coalesce($9, list_edition),
       list_asked_at = case when $7::uuid is not null then $2 else list_asked_at end,
       list_merged_at = case when $7::uuid is not null and $10 then $2 else list_merged_at end
  from (select customer_id,
               case when $4 then clock_timestamp()                -- the guard wants another full list
                    when full_asked_at > $2 or not $3 then full_asked_at  -- asked for after this list was
               end as full_asked_at,
               -- The guard wants it soon: after at most five minutes, by when a passing fault at the API has passed.
               case when full_asked_at > $2 then clock_timestamp()
                    when $4 then least(bounced.next_slot(customer_id, poll_every, clock_timestamp()),
                                       clock_timestamp() + interval '5 min')
                    else bounced.next_slot(customer_id, poll_every, clock_timestamp())
               end as at,
               -- Ends of deletion requests do not keep the count.
               case when exists (select from bounced.deletion_history r
                                  where r.customer_id = $1 and r.state = 'done'
                                    and r.finished_at > coalesce(last_poll_at, '-infinity'))
                    then (select count(*) from bounced.mirror m where m.customer_id = $1 and m.gone_at is null)
               end as counted
          from bounced.customers where customer_id = $1) n
 where c.customer_id = n.customer_id
