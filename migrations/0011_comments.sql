-- What everything is, for those who look at the database with psql's \d+ and other tools.

comment on schema bounced is 'Mirror of SendGrid bounce lists, and the queue of deletions. Read the views bounces and current_bounces; insert into deletion_requests.';

comment on table bounced.accounts is 'The accounts of the configuration: sets of API credentials, with the pauses that the API has caused.';
comment on column bounced.accounts.name is 'The name in the configuration.';
comment on column bounced.accounts.api is 'v2 or v3.';
comment on column bounced.accounts.paused_at is 'When the pause that ends last began.';
comment on column bounced.accounts.paused_until is 'When it ends. Past or null: no call is paused.';
comment on column bounced.accounts.paused_because is 'The fault that caused it, in the words of the API where it said any.';
comment on column bounced.accounts.pauses is 'How many pauses there were in a row; each is longer than the one before.';
comment on column bounced.accounts.daily_limit is 'How many addresses may be removed a day (UTC); null: no limit.';
comment on column bounced.accounts.deletions_day is 'The day (UTC) that deletions_count counts.';
comment on column bounced.accounts.deletions_count is 'Deletions of that day: those made and those in hand.';
comment on column bounced.accounts.paused_kind is 'The kind of the fault: credentials, rate_limited, and others.';
comment on column bounced.accounts.turns_until is 'The turns to call that were given out reach up to here, spread by the rate limit of the account.';
comment on column bounced.accounts.call_pauses is 'All pauses, by kind of call (lists, deletions, subusers, or all): at, until, because, kind, times.';
comment on column bounced.accounts.paused_calls is 'The kind of call that paused_until is about; null: all calls.';

comment on table bounced.customers is 'The customers whose lists are mirrored, with their schedule and the result of their last poll. Only daemons change it.';
comment on column bounced.customers.customer_id is 'The number by which other tables name the customer.';
comment on column bounced.customers.name is 'The name in the configuration.';
comment on column bounced.customers.account is 'The account that has the customer.';
comment on column bounced.customers.active is 'False once the customer has left the configuration. Its rows stay.';
comment on column bounced.customers.time_zone is 'The zone in which times of the list were read; empty: the list gives instants.';
comment on column bounced.customers.poll_every is 'How often the list is polled.';
comment on column bounced.customers.full_every is 'How often the whole list is polled, where recent_days is not 0.';
comment on column bounced.customers.recent_days is 'How many days a recent poll asks for; 0: every poll asks for the whole list.';
comment on column bounced.customers.next_poll_at is 'When the next poll is due.';
comment on column bounced.customers.full_asked_at is 'When a full poll was asked for that has not been made yet.';
comment on column bounced.customers.claimed_by is 'The daemon that polls the list now; null: none.';
comment on column bounced.customers.claim is 'The number of the last claim.';
comment on column bounced.customers.last_poll_at is 'When the last list that was merged was asked for.';
comment on column bounced.customers.last_full_at is 'When the last whole list that was believed was asked for.';
comment on column bounced.customers.failures is 'Polls that failed in a row.';
comment on column bounced.customers.last_error is 'What the last poll met that failed, or is worth a remark.';
comment on column bounced.customers.last_error_at is 'When it met that.';
comment on column bounced.customers.held_since is 'A list that lacks more than half of the bounces is held back since then, until another list agrees; null: none is.';
comment on column bounced.customers.current_bounces is 'How many bounces were current after the last poll.';
comment on column bounced.customers.list_print is 'The fingerprint of the last full list; null: the next list is merged whatever it is.';
comment on column bounced.customers.list_size is 'How many entries that list had.';
comment on column bounced.customers.list_asked_at is 'When that list was asked for last.';
comment on column bounced.customers.list_merged_at is 'When it was asked for as it was merged, and not only found to be the same.';
comment on column bounced.customers.list_edition is 'The edition of the mirror (mirror_edition) at that time.';

comment on table bounced.daemons is 'The daemons that run, and what each has in its configuration and in flight.';
comment on column bounced.daemons.daemon_id is 'The number of the daemon, new at each start.';
comment on column bounced.daemons.host is 'The machine it runs on.';
comment on column bounced.daemons.pid is 'Its process.';
comment on column bounced.daemons.version is 'The version of bounced.';
comment on column bounced.daemons.started is 'When it started.';
comment on column bounced.daemons.heartbeat is 'When it last said that it is alive. After 20 s without, it is taken for dead.';
comment on column bounced.daemons.machine is 'Which machine and process space the pid is of.';
comment on column bounced.daemons.process_start is 'When the process began there, in ticks of that machine.';
comment on column bounced.daemons.accounts is 'The accounts in its configuration; null: it has not said yet.';
comment on column bounced.daemons.configured is 'The customers in its configuration.';
comment on column bounced.daemons.disagrees is 'Those of them whose rows say something else than its configuration. It leaves them alone.';
comment on column bounced.daemons.registrations is 'How often its registration changed something.';
comment on column bounced.daemons.in_flight is 'What it had in flight at its last heartbeat: how many calls and merges, and the oldest.';
comment on column bounced.daemons.stalls is 'How often something has outlived its deadline.';

comment on view bounced.live_daemons is 'The daemons that are not taken for dead.';

comment on table bounced.server is 'The PostgreSQL server that the daemons met last, in one row.';
comment on column bounced.server.only_row is 'Always true.';
comment on column bounced.server.started is 'When that server started.';
comment on column bounced.server.met_at is 'When the daemons met it. For 20 s after that no daemon is taken for dead.';

comment on table bounced.mirror is 'Every bounce ever seen, one row for each time that it was on a list. Ask the views bounces and current_bounces.';
comment on column bounced.mirror.customer_id is 'The customer whose list has or had it.';
comment on column bounced.mirror.bounce_id is 'The number of the row.';
comment on column bounced.mirror.email is 'The address, as the list has it. Addresses are compared byte for byte.';
comment on column bounced.mirror.bounced_at is 'When the address bounced, by the API (created); null: the API gave no time that can be read.';
comment on column bounced.mirror.status is 'The status that the mail server answered, as the list has it.';
comment on column bounced.mirror.reason is 'The text that the mail server answered, as the list has it.';
comment on column bounced.mirror.first_seen_at is 'When the first list that had it was asked for.';
comment on column bounced.mirror.last_seen_at is 'When a list that had it was last noted here. A current row was seen at customers.last_full_at too: ask the views.';
comment on column bounced.mirror.gone_at is 'When the first list that lacked it was asked for, or when its deletion ended; null: it is current.';
comment on column bounced.mirror.gone_because is 'deleted: by a request in this database; disappeared: somebody else took it off the list; superseded: the list has a later bounce of the address.';

comment on view bounced.bounces is 'Every bounce ever seen, with its customer.';
comment on column bounced.bounces.customer is 'The customer whose list has or had it.';
comment on column bounced.bounces.account is 'The account of the customer, as the configuration names it.';
comment on column bounced.bounces.active is 'False once the customer has left the configuration.';
comment on column bounced.bounces.last_seen_at is 'When the last list that had it was asked for. Recent polls note it once a day.';
comment on column bounced.bounces.domain is 'What follows the last @ of the address, in lower case.';
comment on view bounced.current_bounces is 'The bounces that are on their customer''s list now.';

comment on table bounced.mirror_edition is 'How often somebody other than a daemon has changed rows of the mirror, in one row. Fingerprints of lists from before do not count any more.';
comment on column bounced.mirror_edition.only_row is 'Always true.';
comment on column bounced.mirror_edition.edition is 'How often.';

comment on table bounced.polls is 'A row for each poll that changed something or failed. Rows are kept for retention.polls.';
comment on column bounced.polls.poll_id is 'The number of the poll.';
comment on column bounced.polls.customer_id is 'The customer whose list was polled.';
comment on column bounced.polls.kind is 'full: the whole list; recent: the last days of it.';
comment on column bounced.polls.asked_at is 'When the list was asked for.';
comment on column bounced.polls.finished_at is 'When the poll ended.';
comment on column bounced.polls.received is 'How many entries the list had.';
comment on column bounced.polls.added is 'How many bounces were new.';
comment on column bounced.polls.changed is 'How many had another status or reason.';
comment on column bounced.polls.superseded is 'How many were replaced by a later bounce of the same address.';
comment on column bounced.polls.disappeared is 'How many were not on the list any more.';
comment on column bounced.polls.bytes is 'How many bytes came over the network.';
comment on column bounced.polls.error is 'Why the poll failed, or what is worth a remark; null: nothing.';

comment on table bounced.poll_requests is 'Polls that people asked for with poll_now(), until a daemon has taken note.';
comment on column bounced.poll_requests.poll_request_id is 'The number of the row.';
comment on column bounced.poll_requests.customer_id is 'The customer whose list shall be polled.';
comment on column bounced.poll_requests.asked_at is 'When that was asked for.';

comment on view bounced.deletion_requests is 'Requests to take addresses off lists. Insert customer, email and note; set what is pending to cancelled, and what failed to pending.';
comment on column bounced.deletion_requests.request_id is 'The number of the request.';
comment on column bounced.deletion_requests.customer is 'The customer from whose list the address shall go.';
comment on column bounced.deletion_requests.email is 'The address.';
comment on column bounced.deletion_requests.note is 'What you like, up to 10,000 bytes.';
comment on column bounced.deletion_requests.customer_id is 'The number of the customer.';
comment on column bounced.deletion_requests.requested_at is 'When the request was inserted.';
comment on column bounced.deletion_requests.requested_by is 'The role that inserted it.';
comment on column bounced.deletion_requests.state is 'pending, sending, then done, failed or cancelled.';
comment on column bounced.deletion_requests.outcome is 'Of what is done. deleted; or not_listed: the address was not on the list.';
comment on column bounced.deletion_requests.attempts is 'Attempts that ended in a temporary failure.';
comment on column bounced.deletion_requests.interruptions is 'Calls whose result is not known: the daemon was killed, or the connection broke.';
comment on column bounced.deletion_requests.next_attempt_at is 'When a pending request is due.';
comment on column bounced.deletion_requests.claimed_by is 'The daemon that sends the request now.';
comment on column bounced.deletion_requests.claim is 'The number of the last claim.';
comment on column bounced.deletion_requests.claimed_at is 'When a daemon last took the request.';
comment on column bounced.deletion_requests.unsure_since is 'When the first call was made whose result is not known; null: there is none.';
comment on column bounced.deletion_requests.finished_at is 'When the request was done, failed or was cancelled.';
comment on column bounced.deletion_requests.last_error is 'Why the last attempt failed.';
comment on table bounced.deletion_queue is 'The open deletion requests. Only daemons use it; people use the view deletion_requests.';
comment on table bounced.deletion_history is 'The finished deletion requests, for retention.deletion_requests. Only daemons use it; people use the view deletion_requests.';

comment on column bounced.schema_migrations.number is 'The number of the file.';
comment on column bounced.schema_migrations.name is 'The name of the file.';
comment on column bounced.schema_migrations.checksum is 'A checksum of its text.';
comment on column bounced.schema_migrations.applied_at is 'When it was applied.';
comment on column bounced.schema_migrations.version is 'The version of bounced that applied it.';

comment on sequence bounced.claims is 'The numbers of claims, of polls and of deletions.';

comment on function bounced.poll_now(text) is 'Asks for a full poll of the customer at once.';
comment on function bounced.forget(text) is 'Removes all bounces and requests of an address that is on no list any more. Returns the number of rows.';
comment on function bounced.next_slot(integer, interval, timestamptz) is 'When a customer that is polled so often is due next.';
comment on function bounced.deletions_left(bounced.accounts) is 'How many more deletions the account may make today; null: any number.';
comment on function bounced.pause_end(bounced.accounts, text) is 'Until when the account makes no calls of that kind; null or past: it may.';
comment on function bounced.address_problem(text) is 'Why no deletion can be requested for the address; null: it can.';
comment on function bounced.adopt_pause() is 'Trigger of accounts: takes over a pause that an older daemon wrote.';
comment on function bounced.tell_pauses() is 'Trigger of accounts: keeps the columns that tell of the pause that ends last.';
comment on function bounced.keep_customer() is 'Trigger of customers: no customer that has bounces is deleted.';
comment on function bounced.note_edit() is 'Trigger of the mirror: counts changes that were made by hand.';
comment on function bounced.queue_request() is 'Trigger of deletion_queue: checks what people ask for.';
comment on function bounced.name_requester() is 'Trigger of deletion_requests, for COPY: notes who copies.';
comment on function bounced.copy_request() is 'Trigger of deletion_requests, for COPY: queues what is copied.';
comment on function bounced.is_ones_own() is 'Trigger of deletion_requests: leaves out requests of others.';
comment on function bounced.change_request() is 'Trigger of deletion_requests: cancels, queues again, changes notes.';
comment on function bounced.remove_request() is 'Trigger of deletion_requests: deletes.';
comment on function bounced.wake_for_requests() is 'Trigger of deletion_queue: wakes the daemons.';

-- What is the same in several places has the same comment.
do $$
declare
  c record;
begin
  for c in
    select format('comment on column bounced.%I.%I is %L', s.target, a.attname, col_description(o.attrelid, o.attnum)) as command
      from (values ('daemons', 'live_daemons'), ('mirror', 'bounces'), ('bounces', 'current_bounces'),
                   ('mirror', 'current_bounces'), ('deletion_requests', 'deletion_queue'),
                   ('deletion_requests', 'deletion_history')) as s (source, target)
      join pg_attribute a on a.attrelid = ('bounced.' || s.target)::regclass and a.attnum > 0 and not a.attisdropped
      join pg_attribute o on o.attrelid = ('bounced.' || s.source)::regclass and o.attname = a.attname
     where col_description(a.attrelid, a.attnum) is null and col_description(o.attrelid, o.attnum) is not null
  loop
    execute c.command;
  end loop;
end
$$;
