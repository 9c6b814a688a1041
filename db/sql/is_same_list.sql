-- Whether the customer's current bounces are exactly a list, by its fingerprint: no merge would change anything. Once in
-- 12 hours it is merged all the same. The customer's row is locked, so that no end of a deletion comes between.
-- $1 customer; $2 fingerprint; $3 entries; $4 edition of the mirror.
select exists (
  select from bounced.customers c
   where c.customer_id = $1
     and c.list_print = $2::uuid and c.list_size = $3 and c.list_edition = $4
     and c.list_asked_at = c.last_full_at        -- an older program would not have noted another list
     and c.list_merged_at > now() - interval '12 hours'
     -- What was deleted since, and is listed again, comes back by a merge.
     and not exists (select from bounced.deletion_history r
                      where r.customer_id = $1 and r.state = 'done'
                        and r.finished_at > c.list_asked_at - interval '1 min'))
