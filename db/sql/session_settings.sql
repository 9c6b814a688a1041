-- Run when a session begins.
-- In ten minutes a merge of ten million rows ends on slow disks.
set statement_timeout = '10min';
-- Our own locks are held for moments, but those of merges, which nobody waits for. People may hold a row for as long as
-- they like: who waits for it is better off to try again later, without one of the few connections in hand.
set lock_timeout = '4s';
-- Between two statements of a transaction we never wait for anything: after ten seconds the daemon is stopped or cut
-- off, and its locks must have gone before others take over what it had, ten seconds later.
set idle_in_transaction_session_timeout = '10s';
-- The server looks for a dead client as we look for a dead server (options.cc), even while it runs a statement.
set tcp_keepalives_idle = 10;
set tcp_keepalives_interval = 5;
set tcp_keepalives_count = 3;
set client_connection_check_interval = '10s';
-- A merge of many rows looks dear enough to be compiled, which took 0.7 s of the 4.7 s of one of a million rows, and
-- gained nothing.
set jit = off;
-- What a role's or a database's defaults may say otherwise, and the queries rely on. Under another isolation level
-- merges and claims of several daemons fail each other.
set default_transaction_isolation = 'read committed';
set default_transaction_deferrable = off;
set idle_session_timeout = 0;
-- From PostgreSQL 17 on.
select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout';
set array_nulls = on;
set row_security = on;
-- The rules for changes that people make to deletion requests (a trigger) are not for us.
set bounced.daemon = 'on';
set timezone = 'UTC';
set datestyle = 'ISO';
set client_min_messages = 'error';
select current_setting('server_encoding'), current_database(), current_setting('transaction_read_only');
