-- $1 accounts
update bounced.accounts
   set paused_until = clock_timestamp()
 where name = any ($1::text[]) and paused_kind = 'credentials' and paused_until > clock_timestamp()
