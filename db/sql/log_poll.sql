-- $1 customer; $2 kind; $3 asked for; $4 received; $5 added; $6 changed; $7 superseded; $8 disappeared; $9 bytes;
-- $10 error
insert into bounced.polls (customer_id, kind, asked_at, received, added, changed, superseded, disappeared, bytes, error)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
