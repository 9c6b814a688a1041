-- Gives rows of the mirror another class. Waits for nobody: what is locked is left out, and so is what has changed since
-- it was read; gives the first row of these, if any. $1 customers; $2 bounces; $3 classes; $4 keys of reasons;
-- $5 statuses; $6 reasons, as they were read; $7 the version of the rules
with wanted as (
  select *
    from unnest($1::int[], $2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::text[])
           as w (customer_id, bounce_id, class, reason_key, status, reason)
), free as (
  select m.customer_id, m.bounce_id
    from wanted w
    join bounced.mirror m using (customer_id, bounce_id)
   where m.status = w.status and m.reason = w.reason
     for no key update of m skip locked
), written as (
  update bounced.mirror m
     set class = w.class, reason_key = w.reason_key,
         class_rules = $7
    from free f
    join wanted w using (customer_id, bounce_id)
   where m.customer_id = f.customer_id and m.bounce_id = f.bounce_id
  returning m.customer_id, m.bounce_id
)
select w.customer_id, w.bounce_id
  from wanted w
 where not exists (select from written d where d.customer_id = w.customer_id and d.bounce_id = w.bounce_id)
   and exists (select from bounced.mirror m where m.customer_id = w.customer_id and m.bounce_id = w.bounce_id)
 order by 1, 2
 limit 1
