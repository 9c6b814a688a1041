insert into bounced.schema_migrations (number, name, checksum, version)
values ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'), $4);
