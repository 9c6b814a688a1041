-- A call made after the account was paused went well. $1 account; $2 when the call was made.
update bounced.accounts
   set paused_at = null, paused_until = null, paused_because = null, paused_kind = null, pauses = 0
 where name = $1 and paused_at < $2
