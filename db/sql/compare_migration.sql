-- Whether an applied migration is the one that we know.
select checksum = encode(sha256(convert_to($2, 'UTF8')), 'hex')
from bounced.schema_migrations
where number = $1;
