-- As stage_setup.sql makes them, with something in it: the disk, or a tablespace, may refuse that.
create temporary table rehearsed (email text collate "C" not null) on commit preserve rows;
create temporary view rehearsed_too as select * from rehearsed;
insert into rehearsed select repeat('x', 1000) from generate_series(1, 100);
select count(*) from rehearsed_too
