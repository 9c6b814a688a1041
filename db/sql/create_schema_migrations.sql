-- The schema may have been made for us by someone who may make schemas.
do $$
begin
  if to_regnamespace('bounced') is null then
    create schema bounced;
  end if;
end
$$;
create table if not exists bounced.schema_migrations (
  number     integer primary key,
  name       text not null,
  checksum   text not null,
  applied_at timestamptz not null default now(),
  version    text not null
);
comment on table bounced.schema_migrations is 'The files that made this schema, and the version of bounced that applied each.';
