#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The package on a real machine: installed, configured, run, upgraded and removed as the README says, and checked with
# systemctl, journalctl and psql.
#   package_test.sh SUITE PACKAGE SIMULATOR EARLIER_PACKAGE
# It prints a line for each check, and ends with "N passed, N failed".
# What stands in single quotes is for the machine's shell.
# shellcheck disable=SC2016
set -uo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/package/machine.sh
. "$here/machine.sh"
suite=$1 package=$(realpath "$2") simulator=$(realpath "$3") earlier=${4:+$(realpath "$4")}
readme=$here/../../README.md
key=SG.secret-key-of-the-package-test

# ---- checks ----

passed=0 failed=0
ok() {
  passed=$((passed + 1))
  echo "ok      $*"
}
not_ok() {
  failed=$((failed + 1))
  echo "FAILED  $1"
  cut -c1-300 <<<"${2-}" | sed 's/^/        | /' | tail -n 20
}

# check WHAT COMMAND...: that it succeeds.
check() {
  local said
  if said=$("${@:2}" 2>&1); then ok "$1"; else not_ok "$1" "$said"; fi
}

# has WHAT PIECE TEXT / lacks WHAT PIECE TEXT
has() { if [[ $3 == *"$2"* ]]; then ok "$1"; else not_ok "$1: no \"$2\" in:" "$3"; fi; }
lacks() { if [[ $3 != *"$2"* ]]; then ok "$1"; else not_ok "$1: \"$2\" is in:" "$3"; fi; }
is() { if [[ $3 == "$2" ]]; then ok "$1"; else not_ok "$1: \"$2\" was expected, there is:" "$3"; fi; }

# until_true WHAT COMMAND...: that it succeeds before long. It waits for an event that other processes make.
until_true() {
  local deadline=$((SECONDS + 30))
  until "${@:2}" &>/dev/null; do
    if ((SECONDS > deadline)); then
      not_ok "$1" "not within half a minute: $(at systemctl status --lines=15 --no-pager --full bounced)"
      return
    fi
    sleep 0.1
  done
  ok "$1"
}

# ---- what a person looks at ----

sql() { at sudo -u postgres psql -XAtq -d bounced -c "$1"; }
show() { at systemctl show --value -p "$1" bounced; }
status_has() { [[ $(show StatusText) == *"$1"* ]]; }
is_active() { [[ $(show ActiveState) == active ]]; }
is_failed() { [[ $(show ActiveState) == failed ]]; }
journal() { at journalctl --no-pager -o cat -u bounced "$@"; }
# Not grep -q, which ends at once: journalctl would fail by that where it has more to say.
journal_has() { journal | grep -F -- "$1" >/dev/null; }
# The stand-in for the API is told so.
control() { at curl -sS --fail-with-body "https://sendgrid.com/control/$1" "${@:2}"; }
listed() { echo $(($(control size?customer=customer@example.com) + $(control size?customer=big@example.com))); }
# bounce CUSTOMER EMAIL: lists one at the API, and asks the daemon to look.
bounce() {
  control add -d customer="$1" -d email="$2" >/dev/null
  sql "select bounced.poll_now('$1')" >/dev/null
}
bounces() { sql 'select count(*) from bounced.current_bounces'; }
has_bounces() { [[ $(bounces) == "$1" ]]; }
has_address() { [[ $(sql "select count(*) from bounced.current_bounces where email = '$1'") == 1 ]]; }
has_more_calls_than() { (($(control calls) > $1)); }
restarts_are() { [[ $(show NRestarts) == "$1" && $(show ActiveState) == active ]]; }
pid() { show MainPID; }

# What stands in the README's block of a language in a section.
readme_block() {
  awk -v language="$1" -v section="$2" '
    /^## / { on = ($0 == "## " section) }
    /^```/ { if (inside) exit; if (on && $0 == "```" language) { inside = 1; next } }
    inside' "$readme"
}
# Commands that go on after a backslash, each in one line.
whole_lines() { sed -e ':more' -e '/\\$/ { N; s/ *\\\n */ /; b more' -e '}'; }
# The README's command that has a piece, for a shell.
step() { readme_block sh 'Getting started' | grep -F -- "$1" | head -n 1; }
run_step() { at sh -c "$(step "$1")"; }

start_simulator() {
  cp "$simulator" "$machine/usr/local/bin/bounced-simulator"
  # No service of the machine, whose journal would have its command line, key and all.
  at bounced-simulator --port 443 --user your_sendgrid_username --key "$key" \
    --ca-file /usr/local/share/ca-certificates/simulator.crt --customer customer@example.com=50:1 \
    --customer big@example.com=2000:2 &>"$layers/simulator" &
  simulator_runs_in=$!
  until_true "the stand-in for the API runs" test -s "$machine/usr/local/share/ca-certificates/simulator.crt"
  at update-ca-certificates >/dev/null 2>&1
}

# It is no service, so that the machine's end would wait for it.
stop_simulator() {
  [[ -z ${simulator_runs_in-} ]] || pkill -KILL --parent "$simulator_runs_in"
  simulator_runs_in=
}

# configure [SED_SCRIPT]: sudoedit, by an editor that writes what the README shows.
configure() {
  readme_block yaml 'Getting started' | sed "${1-}" >"$machine/srv/wanted.yaml"
  printf '#!/bin/sh\ncat /srv/wanted.yaml >"$1"\n' >"$machine/usr/local/bin/write-wanted"
  chmod +x "$machine/usr/local/bin/write-wanted"
  editor=/usr/local/bin/write-wanted run_step sudoedit
}

install_key() { run_step 'install -m' <<<"$key"; }

drop_in() {
  mkdir -p "$machine/etc/systemd/system/bounced.service.d"
  printf '[Service]\n%s\n' "$@" >"$machine/etc/systemd/system/bounced.service.d/test.conf"
  at systemctl daemon-reload
}

# ---- the tests ----

test_getting_started() {
  cp "$package" "$machine/srv/"
  local said
  # apt gives the scripts a terminal.
  said=$(run_step 'apt install' 2>&1 | tr -d '\r')
  has "the package is installed by the README's command" "bounced is installed, and not started yet" "$said"
  said=$(sed -n '/^bounced is installed/,/^The manual/p' <<<"$said")
  check "what to do next fits a screen" test "$(wc -l <<<"$said")" -le 24
  local command
  while read -r command; do
    has "it names the README's command: $command" "$command" "$(readme_block sh 'Getting started' | whole_lines)"
  done < <(whole_lines <<<"$said" | sed -n 's/^ *\(sudo .*\)/\1/p')
  is "it is not started" inactive "$(show ActiveState)"
  is "it is not enabled" disabled "$(at systemctl is-enabled bounced)"
  is "the configuration is the service's group's" "640 root:bounced" "$(at stat -c '%a %U:%G' /etc/bounced/bounced.yaml)"
  is "the folder too" "750 root:bounced" "$(at stat -c '%a %U:%G' /etc/bounced)"
  is "keys are root's" "700 root:root" "$(at stat -c '%a %U:%G' /etc/bounced/keys)"
  start_simulator

  said=$(at sudo -u bounced bounced check 2>&1)
  has "check names the command that makes the role" "create it: sudo -u postgres createuser bounced;" "$said"
  check "the README makes role and database" run_step 'create role'
  at sudo -u postgres dropdb bounced
  said=$(at sudo -u bounced bounced check 2>&1)
  has "check names the command that makes the database" "create it: sudo -u postgres createdb" "$said"
  check "that command does it" at sh -c "$(sed -n 's/.*create it: \(sudo -u postgres createdb .*\)/\1/p' <<<"$said")"
  said=$(at sudo -u bounced bounced check 2>&1)
  has "check names the command that tries the key" "sudo systemd-run" "$said"
  local try_key
  try_key=$(sed -n 's/.*run: \(sudo systemd-run .*\)/\1/p' <<<"$said")
  said=$(at sh -c "$try_key" 2>&1)
  has "that command tells that the key is missing" "credential" "$said"

  at systemctl start bounced 2>/dev/null
  is "without a key it fails for a person to see" "failed 2" "$(show ActiveState) $(show ExecMainStatus)"
  is "and is not started again" 0 "$(show NRestarts)"
  has "the status says what is missing" "/etc/bounced/keys" "$(show StatusText)"
  at systemctl reset-failed bounced

  check "the README installs the key" install_key
  is "the key is root's alone" "600 root:root" "$(at stat -c '%a %U:%G' /etc/bounced/keys/main)"
  check "the README's configuration is written by sudoedit" configure
  is "sudoedit keeps who may read it" "640 root:bounced" "$(at stat -c '%a %U:%G' /etc/bounced/bounced.yaml)"
  said=$(at sh -c "$try_key" 2>&1)
  has "check is content with a customer at the API" "customer customer@example.com of account main" "$said"
  lacks "check finds nothing wrong" FAILED "$said"
  lacks "check shows no key" "$key" "$said"

  local began ready
  began=$(date +%s%N)
  check "the README enables and starts it" run_step 'enable --now'
  ready=$((($(date +%s%N) - began) / 1000000))
  echo "figure  start to READY, schema made: $ready ms"
  until_true "bounces are in the database" has_bounces "$(listed)"
  has "the README's query shows them" "customer@example.com" "$(run_step 'current_bounces' 2>&1)"
  at systemctl restart bounced
  echo "figure  start to READY again: $((($(show ActiveEnterTimestampMonotonic) - $(show ExecMainStartTimestampMonotonic)) / 1000)) ms"
}

test_status_and_journal() {
  until_true "the status says how things stand" status_has "2 customers, last poll 20"
  has "systemctl status shows it" "all is well" "$(at systemctl status --no-pager --full bounced)"
  has "journalctl finds a customer's entries" "mirror changed customer=big@example.com" \
    "$(at journalctl --no-pager -o cat CUSTOMER=big@example.com)"
  lacks "and no other's" "customer@example.com account" "$(at journalctl --no-pager -o cat CUSTOMER=big@example.com)"
  has "entries have their account" "mirror changed" "$(at journalctl --no-pager -o cat ACCOUNT=main)"
  has "what ended the first start is an error" "bounced: " "$(journal -p err)"
  local command
  while read -r command; do
    check "the README's: $command" at sh -c "$command"
  done < <(readme_block sh 'The service')
  has "bounced status shows the daemon" "2 customers, 2 active" "$(at sudo -u bounced bounced status)"
}

test_reload() {
  control generate -d customer=new@example.com -d count=7 -d seed=3 >/dev/null
  configure 's/^      - customer@/      - new@example.com\n&/'
  check "systemctl reload succeeds" at systemctl reload bounced
  until_true "a new customer is polled" journal_has "mirror changed customer=new@example.com"
  configure 's/^accounts:/acounts:/'
  at systemctl reload bounced
  has "a bad file is an error in the journal" "did you mean accounts" "$(journal -p err)"
  until_true "and stands in the status" status_has "the configuration was not reloaded"
  check "the service goes on" is_active
  bounce new@example.com after@example.org
  until_true "as it was" has_address after@example.org
  configure 's/^      - customer@/      - new@example.com\n&/'
  at systemctl reload bounced
  until_true "a good file mends it" status_has "all is well"
}

# On TCP, where Debian's PostgreSQL asks for a password (scram-sha-256).
test_database_password() {
  local password='a "pass" word' wrong=wrong-password with_new='s/^      - customer@/      - new@example.com\n&/'
  local by_tcp="s|^  url: .*|  url: postgresql://bounced@127.0.0.1/bounced\n  password: {credential: key_database}|"
  local said command
  # Not in the command line, which sudo writes to the journal.
  at sudo -u postgres psql -Xq <<<"alter role bounced password '$password'"
  configure "$with_new; $by_tcp"
  at systemctl restart bounced &>/dev/null
  is "without the password's file it fails for a person to see" "failed 2" "$(show ActiveState) $(show ExecMainStatus)"
  has "the status says what is missing" "database.password" "$(show StatusText)"
  at install -m 0600 /dev/stdin /etc/bounced/keys/database <<<"$wrong"
  at systemctl start bounced &>/dev/null
  is "with a wrong password too" "failed 2" "$(show ActiveState) $(show ExecMainStatus)"
  has "the status says what to correct" "correct the password that database.password names" "$(show StatusText)"
  at install -m 0600 /dev/stdin /etc/bounced/keys/database <<<"$password"
  check "with the right one it starts" at systemctl start bounced
  is "each connection is by TCP" t "$(sql "select bool_and(client_addr is not null) from pg_stat_activity
    where application_name like 'bounced run%'")"
  bounce customer@example.com by-password@example.org
  until_true "it works" has_address by-password@example.org
  said=$(at sudo -u bounced bounced status 2>&1)
  has "bounced status names the command that has the password" "run: sudo systemd-run" "$said"
  command=$(sed -n 's/.*run: \(sudo systemd-run .*\)/\1/p' <<<"$said")
  has "that command shows the status" "3 customers" "$(at sh -c "$command" 2>&1)"
  said=$(at journalctl --no-pager -o json; at systemctl show bounced)
  lacks "the password is in no journal entry and in nothing that systemd shows" "pass\\\" word" "$said"
  lacks "nor is the wrong one" "$wrong" "$said"
  configure "$with_new"
  rm "$machine/etc/bounced/keys/database"
  check "by the socket it starts without" at systemctl restart bounced
}

# What systemd cannot read as credentials.
test_keys() {
  drop_in RestartSec=1s
  at systemctl stop bounced
  touch "$machine/etc/bounced/keys/main:old"
  at systemctl start bounced &>/dev/null
  is "a colon in a key's name fails the start" "failed 243" "$(show ActiveState) $(show ExecMainStatus)"
  is "once" 0 "$(show NRestarts)"
  has "the journal says what to do" "in /etc/bounced/keys, rename files" "$(journal -p err -n 5)"
  has "and so does systemctl status" "rename files" "$(at systemctl status --no-pager --full bounced)"
  rm "$machine/etc/bounced/keys/main:old"
  mv "$machine/etc/bounced/keys" "$machine/etc/bounced/kept"
  at systemctl start bounced &>/dev/null
  is "without the folder of keys it fails for a person to see" "failed 2" "$(show ActiveState) $(show ExecMainStatus)"
  is "once" 0 "$(show NRestarts)"
  has "the status says where it looked" "/etc/bounced/keys" "$(show StatusText)"
  mv "$machine/etc/bounced/kept" "$machine/etc/bounced/keys"
  check "with its keys it starts" at systemctl start bounced
  is "it writes no core file" "0 0" "$(at awk '/^Max core/ {print $5, $6}' "/proc/$(pid)/limits")"
  rm "$machine/etc/systemd/system/bounced.service.d/test.conf"
  at systemctl daemon-reload
}

test_secrets() {
  local main
  main=$(pid)
  is "the service has its credential" "$key" "$(at cat /run/credentials/bounced.service/key_main)"
  lacks "others cannot read it" "$key" "$(at sudo -u nobody cat /run/credentials/bounced.service/key_main /etc/bounced/keys/main 2>&1)"
  lacks "it is in no journal entry" "$key" "$(at journalctl --no-pager -o json)"
  lacks "nor in what systemd shows" "$key" "$(at systemctl show bounced)$(show StatusText)"
  lacks "nor in the environment or command line" "$key" "$(at cat "/proc/$main/environ" "/proc/$main/cmdline" | tr '\0' '\n')"
  lacks "nor in the database" "$key" "$(at sudo -u postgres pg_dump bounced 2>&1)"
}

test_sandbox() {
  local said score
  said=$(at systemd-analyze security --no-pager bounced 2>&1)
  score=$(sed -n 's/.*Overall exposure level for bounced.service: \([0-9.]*\).*/\1/p' <<<"$said")
  echo "figure  systemd-analyze security: $score"
  check "the exposure is at most 1.5" awk "BEGIN { exit !(\"$score\" != \"\" && $score + 0 <= 1.5) }"
  is "the process has no capability" 0000000000000000 "$(at awk '/^CapBnd/ {print $2}' "/proc/$(pid)/status")"
  echo "figure  resident memory at idle: $(at awk '/^VmRSS/ {print $2}' "/proc/$(pid)/status") kB"
}

test_hang() {
  drop_in WatchdogSec=8s RestartSec=1s
  at systemctl restart bounced
  is "no restart so far" 0 "$(show NRestarts)"
  at systemctl kill --kill-whom=main --signal=STOP bounced
  until_true "a daemon that hangs is started again" restarts_are 1
  check "by the watchdog" journal_has "Watchdog timeout"
  at systemctl kill --kill-whom=main --signal=KILL bounced
  until_true "one that was killed is started again" restarts_are 2
  bounce new@example.com killed@example.org
  until_true "and works" has_address killed@example.org
}

test_stop_in_mid_poll() {
  local before
  before=$(bounces)
  control answer -d customer=new@example.com -d hold=1 >/dev/null
  control clear -d customer=big@example.com >/dev/null
  local calls
  calls=$(control calls)
  sql "select bounced.poll_now('new@example.com')" >/dev/null
  until_true "a poll waits for the API" has_more_calls_than "$calls"
  local began=$SECONDS
  check "systemctl stop succeeds" at systemctl stop bounced
  check "within 15 s" test $((SECONDS - began)) -le 15
  is "in good order" "success 0" "$(show Result) $(show ExecMainStatus)"
  is "nothing was changed" "$before" "$(bounces)"
  is "no claim is left" 0 "$(sql 'select count(*) from bounced.customers where claimed_by is not null')"
  control clear-answers >/dev/null
}

test_late_database() {
  at systemctl disable postgresql &>/dev/null
  # So short that only a daemon that says it is started lives on.
  drop_in TimeoutStartSec=3s RestartSec=1s
  stop_simulator
  halt
  boot || exit 1
  until_true "without PostgreSQL it says what it waits for" status_has "waiting for the database"
  is "it is started" active "$(show ActiveState)"
  until_true "twice its time limit goes by" has_run_for 6
  is "it is still waiting" "active 0" "$(show ActiveState) $(show NRestarts)"
  check "who restarts it is not kept waiting" at timeout 10 systemctl restart bounced
  until_true "it waits again" status_has "waiting for the database"
  at systemctl enable --now postgresql &>/dev/null
  until_true "when PostgreSQL comes, it works" status_has "last poll"
  rm "$machine/etc/systemd/system/bounced.service.d/test.conf"
  at systemctl daemon-reload
}

# Seconds since its start.
has_run_for() {
  local now
  now=$(at cut -d. -f1 /proc/uptime)
  ((now >= $(show ExecMainStartTimestampMonotonic) / 1000000 + $1))
}

# The options of a command, and the commands; --config is every command's.
words_of_help() {
  at sh -c "bounced $1 --help" | sed -n 's/^  \(-h,\)\?\(--[a-z-]*\).*/\2/p; s/^  \([a-z]*\)  .*/\1/p' |
    { cat && echo --config; } | LC_ALL=C sort -u | xargs
}
completions() {
  at bash -c '. /usr/share/bash-completion/completions/bounced
    for word in "" -; do
      COMP_WORDS=(bounced $0 "$word") COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      _bounced
      printf "%s\n" "${COMPREPLY[@]}"
    done' "$1" | grep -v @ | LC_ALL=C sort -u | xargs
}
test_manuals_and_completion() {
  local page said
  for page in bounced bounced.yaml; do
    said=$(at man --warnings "$page" 2>&1 >/dev/null)
    is "man $page has no warnings" "" "$said"
  done
  local command
  for command in "" run sync check migrate status; do
    is "completion of \"bounced $command\" is what --help shows" "$(words_of_help "$command")" "$(completions "$command")"
  done
  has "customers are completed" customer@example.com "$(at sudo -u bounced bash -c '. /usr/share/bash-completion/completions/bounced
    COMP_WORDS=(bounced sync cust) COMP_CWORD=2; _bounced; echo "${COMPREPLY[@]}"')"
}

test_remove_and_purge() {
  local before said
  before=$(bounces)
  echo "figure  installed size: $(at dpkg-query -W -f '${Installed-Size}' bounced) kB"
  at apt-get remove -q bounced &>/dev/null
  is "removing stops it" inactive "$(show ActiveState)"
  check "removing keeps the configuration" at test -e /etc/bounced/bounced.yaml
  is "and the data" "$before" "$(bounces)"
  said=$(at apt-get purge -q bounced 2>&1)
  has "purging says that the database is left" "the database with its bounces" "$said"
  has "and the keys" "your keys are left in /etc/bounced/keys" "$said"
  check "purging removes the configuration" at test ! -e /etc/bounced/bounced.yaml
  check "and what enabling made" at test ! -L /etc/systemd/system/multi-user.target.wants/bounced.service
  is "the data are there" "$before" "$(bounces)"
}

functions_belong_to() {
  sql "do \$\$ declare name regprocedure; begin
         for name in select oid from pg_proc where pronamespace = 'bounced'::regnamespace
         loop execute format('alter function %s owner to $1', name); end loop;
       end \$\$"
}

test_upgrade() {
  cp "$earlier" "$machine/srv/earlier.deb"
  cp "$package" "$machine/srv/later.deb"
  # The stand-in for the API needs what the later package needs.
  local needed
  read -ra needed < <(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/,//g')
  check "the earlier package is installed" at apt-get install -q ./earlier.deb postgresql "${needed[@]}"
  start_simulator
  run_step 'create role' >/dev/null
  install_key
  configure
  at systemctl enable --now bounced &>/dev/null
  local all before said
  all=$(listed)
  until_true "the earlier version mirrors" has_bounces "$all"
  before=$(sql 'select max(name) from bounced.schema_migrations')
  drop_in RestartSec=1s
  # Migrations that add or replace functions fail where those are another's.
  functions_belong_to postgres
  said=$(at apt-get install -q ./later.deb 2>&1)
  has "an upgrade says that the service restarts" "the service restarts; to see how it is:" "$said"
  until_true "where a migration fails, the service waits for a person" is_failed
  is "with exit code 2, not started again" "2 0" "$(show ExecMainStatus) $(show NRestarts)"
  has "the status says what failed" "migration" "$(show StatusText)"
  # Each migration is one transaction: those before the one that failed stay.
  local migration
  migration=$(show StatusText | grep -o '[0-9]\{4\}_[a-z_]*\.sql' | head -n 1)
  has "the status names the migration" ".sql" "$migration"
  is "nothing of it stays" 0 "$(sql "select count(*) from bounced.schema_migrations where name >= '$migration'")"
  functions_belong_to bounced
  check "mended, it starts" at systemctl restart bounced
  check "and has migrated" test "$(sql 'select max(name) from bounced.schema_migrations')" '>' "$before"
  is "with all its data" "$all" "$(bounces)"
  check "and its configuration" at grep -q customer@example.com /etc/bounced/bounced.yaml
  bounce customer@example.com later@example.org
  until_true "the later version mirrors" has_bounces "$((all + 1))"
  at apt-get install -q --allow-downgrades ./earlier.deb &>/dev/null
  until_true "an older program refuses the newer schema" is_failed
  is "with exit code 2" 2 "$(show ExecMainStatus)"
  has "in clear words" "newer" "$(journal -n 40)"
  check "the later package mends it" at apt-get install -q ./later.deb
  check "and starts again by hand" at systemctl restart bounced

  # As where one run of apt upgrades both.
  at systemctl stop postgresql
  check "an upgrade while the database is down comes to its end" at timeout 60 apt-get install -q --reinstall ./later.deb
  until_true "the service waits for the database" status_has "waiting for the database"
  is "it is started" "active 0" "$(show ActiveState) $(show NRestarts)"
  at systemctl start postgresql
  bounce customer@example.com after-upgrade@example.org
  until_true "when the database is back, it works" has_address after-upgrade@example.org
}

# ---- what runs ----

# with_machine COMMAND...: on a new one that has booted.
with_machine() {
  local began
  new_machine || return
  began=$(date +%s%N)
  boot || exit 1
  echo "figure  boot of the machine: $((($(date +%s%N) - began) / 1000000)) ms"
  "$@"
  stop_simulator
  drop_machine
}

tests_of_a_new_machine() {
  local test
  for test in getting_started status_and_journal reload database_password keys secrets sandbox hang stop_in_mid_poll late_database \
    manuals_and_completion remove_and_purge; do
    echo "-- $test"
    "test_$test"
    # Without that the rest says nothing.
    [[ $test != getting_started || $failed == 0 ]] || break
  done
}

trap 'stop_simulator; drop_machine' EXIT
make_tree "$suite" || exit 1
fetch "$package" ${earlier:+"$earlier"} postgresql || exit 1
began=$SECONDS

if said=$(lintian --fail-on error,warning "$package" 2>&1); then ok "lintian is content"; else not_ok "lintian" "$said"; fi
with_machine tests_of_a_new_machine
if [[ $earlier ]]; then
  echo "-- upgrade"
  with_machine test_upgrade
fi
echo "figure  the whole test: $((SECONDS - began)) s"
echo "$passed passed, $failed failed"
((failed == 0))
