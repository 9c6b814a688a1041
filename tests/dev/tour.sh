# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The guided tour, read by ./dev: what bounced does, step by step, against the simulated API. It checks what it shows,
# and ends with an error where that is not so.

step=0
step() { printf '\n%d. %s\n\n' "$((++step))" "$1"; }
words() { printf '   %s\n' "$@"; }

# show SQL: as a person would see it.
show() {
  printf '\n%s\n\n' "$1" | sed 's/^./   bounced=> &/'
  script_psql -d bounced_tour -c "$1" | sed 's/^/   /'
}

value() { value_psql -d bounced_tour -c "$1"; }

# expect WHAT WANTED SQL
expect() {
  local found
  found=$(value "$3")
  [[ $found == "$2" ]] || die "the tour: $1: $2 was expected, and $found is there"
  words "as expected: $1: $2"
}

# sync STATUS: one poll of every customer, which ends with the exit code STATUS.
sync() {
  local status=0
  printf '\n   $ bounced sync --config .dev/tour.yaml\n'
  build/release/bounced sync --config "$dev/tour.yaml" 2>&1 | sed 's/^/   /' || status=${PIPESTATUS[0]}
  ((status == $1)) || die "the tour: bounced sync ended with $status instead of $1"
  # A session has added what it did to the statistics when it is no longer listed.
  until [[ $(value "select count(*) from pg_stat_activity where application_name like 'bounced%'") == 0 ]]; do sleep 0.1; done
  printf '\n'
}

# An address that a customer's list has once.
an_address() { value "select min(email) from (select email from current_bounces where customer = '$1'
                      group by email having count(*) = 1) as once"; }

fresh_mirror() {
  start_cluster
  script_psql -U postgres -d postgres -c 'drop database if exists bounced_tour with (force)' \
    -c 'create database bounced_tour owner bounced'
  start_simulator
  write_configuration "$dev/tour.yaml" bounced_tour
}

tour_first_poll() {
  step "The first poll"
  words "A reseller has four customers at the API, with lists of 7 to 100,000 bounces, in JSON and XML. The database is" \
    "empty. 'sync' makes its schema and mirrors every list."
  sync 0
  show "select customer, account, count(*) as bounces, count(distinct email) as addresses, max(bounced_at) as latest
  from current_bounces group by customer, account order by bounces;"
  show "select email, status, left(reason, 60) as reason from current_bounces where customer = 'corner-shop' order by bounced_at;"
  local customer
  for customer in corner-shop newsletter old-crm grand-mailer; do
    expect "bounces of $customer in the mirror and at the API" "$(control size customer="$customer")" \
      "select count(*) from current_bounces where customer = '$customer'"
  done
}

tour_nothing_new() {
  step "Nothing has changed"
  words "The next poll finds the same lists. It writes no bounce; that all of them were seen again is noted once for each" \
    "customer, and the view knows."
  local before seen written
  written="select n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables where relname = 'mirror'"
  before=$(value "$written")
  seen=$(value 'select min(last_seen_at) from current_bounces')
  sync 0
  show "select customer, min(first_seen_at) as first_seen, min(last_seen_at) as last_seen
  from current_bounces group by customer order by customer;"
  expect 'writes to the mirror so far' "$before" "$written"
  expect 'all were seen again' t "select min(last_seen_at) > '$seen' from current_bounces"
}

tour_changes() {
  step "Lists change behind the daemon's back"
  local gone again now
  now=$(TZ=America/Los_Angeles date '+%F %T') # the account's zone
  gone=$(an_address corner-shop)
  again=$(an_address old-crm)
  words "corner-shop: $gone is removed, and new@example.org bounces." "newsletter: 25 addresses bounce, and 40 are removed." \
    "grand-mailer: 500 and 1,000." "old-crm: $again, which has bounced before, bounces again; the list shows the later one."
  control remove customer=corner-shop "email=$gone" >/dev/null
  control add customer=corner-shop email=new@example.org status=5.2.2 'reason=552 5.2.2 mailbox full' \
    "created=$now" >/dev/null
  control add-some customer=newsletter count=25 >/dev/null
  control remove-some customer=newsletter count=40 >/dev/null
  control add-some customer=grand-mailer count=500 >/dev/null
  control remove-some customer=grand-mailer count=1000 >/dev/null
  control remove customer=old-crm "email=$again" >/dev/null
  control add customer=old-crm "email=$again" status=5.1.1 'reason=550 5.1.1 user unknown' \
    "created=$now" >/dev/null
  changed_at=$(value 'select clock_timestamp()')
  sync 0
  show "select name, kind, received, added, changed, superseded, disappeared
  from polls join customers using (customer_id) where asked_at > '$changed_at' order by name;"
  words "What is new at corner-shop, and what is gone there:"
  show "select email, reason, first_seen_at, gone_at, gone_because
  from bounces where customer = 'corner-shop' and greatest(first_seen_at, gone_at) > '$changed_at' order by email;"
  words "Every bounce of an address, ordered by time, is its history:"
  show "select bounced_at, status, first_seen_at, last_seen_at, gone_because
  from bounces where customer = 'old-crm' and email = '$again' order by bounced_at;"
  expect 'new at newsletter' 25 "select count(*) from bounces where customer = 'newsletter' and first_seen_at > '$changed_at'"
  expect 'gone from newsletter' 40 "select count(*) from bounces where customer = 'newsletter' and gone_because = 'disappeared'"
  expect 'gone from grand-mailer' 1000 "select count(*) from bounces where customer = 'grand-mailer' and gone_because = 'disappeared'"
  expect 'gone from corner-shop' "$gone" "select email from bounces where customer = 'corner-shop' and gone_because = 'disappeared'"
  expect 'superseded at old-crm' "$again" "select email from bounces where customer = 'old-crm' and gone_because = 'superseded'"
}

tour_faults() {
  step "The API answers nonsense"
  words "newsletter gets a proxy's error page with HTTP 200, and grand-mailer an empty list: one is a failed poll, and the" \
    "other is held until a second list says the same, since so many bounces rarely vanish at once. Neither changes the mirror."
  local before
  before=$(value 'select count(*) from current_bounces')
  control answer customer=newsletter status=200 content_type=text/html 'body=<html><h1>502 Bad Gateway</h1></html>' >/dev/null
  control answer customer=grand-mailer status=200 content_type=application/json 'body=[]' >/dev/null
  sync 1
  show "select name, failures, held_since, last_error from customers where last_error is not null order by name;"
  expect 'current bounces' "$before" 'select count(*) from current_bounces'
  words "The API has recovered:"
  sync 0
  expect 'current bounces' "$before" 'select count(*) from current_bounces'
  expect 'customers with a fault' 0 'select count(*) from customers where failures > 0 or held_since is not null'
}

tour_deletions() {
  step "Addresses are taken off a list"
  words "Insert rows, and it is done at the API. Three of newsletter's addresses go; one more is not" \
    "listed there at all, and a blank one is refused: the API would empty the whole list."
  local before at_api
  before=$(value "select count(*) from current_bounces where customer = 'newsletter'")
  show "insert into deletion_requests (customer, email)
  select customer, email from (select distinct customer, email from current_bounces where customer = 'newsletter') s
  order by email limit 3;"
  show "insert into deletion_requests (customer, email) values ('newsletter', 'nobody@example.org');"
  if script_psql -d bounced_tour -c "insert into deletion_requests (customer, email) values ('newsletter', ' ')" 2>"$dev/refused"; then
    die "the tour: a blank address was taken"
  fi
  sed 's/^/   /' "$dev/refused"
  sync 0
  show "select email, state, outcome, attempts from deletion_requests order by request_id;"
  show "select email, gone_because, gone_at from bounces where gone_because = 'deleted' order by email;"
  expect 'requests that are done' 4 "select count(*) from deletion_requests where state = 'done'"
  expect 'deleted, in the mirror' 3 "select count(distinct email) from bounces where gone_because = 'deleted'"
  at_api=$(control size customer=newsletter)
  expect 'bounces of newsletter in the mirror and at the API' "$at_api" \
    "select count(*) from current_bounces where customer = 'newsletter'"
  ((at_api < before)) || die "the tour: nothing was deleted"
}

tour() {
  prepare_simulated
  fresh_mirror
  tour_first_poll
  tour_nothing_new
  tour_changes
  tour_faults
  tour_deletions
  printf '\n'
  words "That was the tour, and all was as expected. Its database stays: PGDATABASE=bounced_tour ./dev psql" \
    "./dev run starts the daemon, which does this by itself."
}
