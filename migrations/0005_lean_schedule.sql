-- The times at which customers are polled are tenths of a second, so that those of one account share the entries of
-- their index. With 10,000 customers, each updated once a minute, it takes 184 kB instead of 496, and 376 instead of
-- 1,104 where a minute of updates at twice that pace waits to be vacuumed.
create or replace function bounced.next_slot(customer_id integer, every interval, after timestamptz) returns timestamptz
  language sql immutable set search_path = pg_catalog, pg_temp
return (
  select to_timestamp((floor((extract(epoch from after) - phase) / seconds) + 1) * seconds + phase)
    from (select extract(epoch from every) as seconds,
                 round(customer_id * 0.6180339887498949 % 1 * extract(epoch from every), 1) as phase) as of
);
