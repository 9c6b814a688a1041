-- Gives back every claim of the daemon and removes its row. $1 daemon
with released as (
  update bounced.customers set claimed_by = null where claimed_by = $1
)
delete from bounced.daemons where daemon_id = $1
