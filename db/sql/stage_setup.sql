-- The session's staging tables: long lists come in over several transactions, short ones in the merge's own, whose end
-- empties their table without touching the catalogs. A merge reads both as one.
create temporary table staged_long (
  email      text collate "C" not null,
  bounced_at timestamptz,
  status     text collate "C" not null,
  reason     text collate "C" not null,
  class      smallint not null,
  reason_key bigint not null
) on commit preserve rows;
create temporary table staged_short (like staged_long) on commit delete rows;
create temporary view staged as select * from staged_long union all select * from staged_short;
-- Where only parts of a list are staged: the current bounces of those parts.
create temporary table staged_known (bounce_id bigint not null) on commit delete rows;
