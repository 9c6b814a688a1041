# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# bounced against the simulated API; read by ./dev.

# start_simulator [OPTION...]: starts the simulator, which ends with this process, and sets api and simulator, its pid.
start_simulator() {
  (($#)) || set -- --customer corner-shop=7:1 --customer newsletter=4000:2 --customer old-crm=5000:3 \
    --customer grand-mailer=100000:4
  rm -f "$dev/simulator.log"
  : >"$dev/simulator.log"
  # Out of reach of Ctrl-C, which is for the daemon.
  setsid setpriv --pdeathsig TERM build/release/tests/simulator/bounced-simulator --user reseller --key dev-key \
    --ca-file "$dev/simulator-ca.pem" "$@" >"$dev/simulator.log" 2>&1 </dev/null &
  simulator=$!
  until api=$(sed -n 's/^listening on //p' "$dev/simulator.log") && [[ $api ]]; do
    kill -0 "$simulator" 2>/dev/null || die "the simulator did not start: $(cat "$dev/simulator.log")"
    sleep 0.05
  done
}

# control COMMAND PARAMETER=VALUE...: changes lists behind the daemon's back.
control() {
  local parameter parameters=()
  for parameter in "${@:2}"; do parameters+=(--data-urlencode "$parameter"); done
  curl --silent --show-error --fail-with-body --cacert "$dev/simulator-ca.pem" "$api/control/$1" \
    "${parameters[@]}"
}

# write_configuration FILE DATABASE
write_configuration() {
  rm -f "$dev/simulator.key"
  (umask 077 && echo dev-key >"$dev/simulator.key")
  cat >"$1" <<YAML
# Made by ./dev at each run: bounced against the simulator.
database:
  url: postgresql:///$2?host=$socket&user=bounced
polling:
  every: 20s
accounts:
  - name: json
    api: v2
    base_url: $api
    ca_file: simulator-ca.pem
    user: reseller
    key: {file: simulator.key}
    customers: [corner-shop, newsletter, grand-mailer]
  - name: xml
    api: v2
    format: xml
    base_url: $api
    ca_file: simulator-ca.pem
    user: reseller
    key: {file: simulator.key}
    customers: [old-crm]
YAML
}

# One at a time in a checkout: they share the files of .dev.
lock_simulated() {
  mkdir -p "$dev" || die "cannot make $dev"
  exec 9>>"$dev/lock"
  flock --nonblock 9 || die "another ./dev run, smoke or bench is at work in this checkout (process $(head -n 1 "$dev/lock"))." \
    "End it first, or use a clone of its own."
  echo "$$" >"$dev/lock"
}

prepare_simulated() {
  need "${run_packages[@]}" "$@"
  lock_simulated
  build release bounced bounced-simulator
}

run_simulated() {
  prepare_simulated
  start_cluster
  start_simulator
  write_configuration "$dev/bounced.yaml" bounced
  cat <<TEXT

The daemon polls four customers of a simulated API, each every 20 seconds. Its configuration is .dev/bounced.yaml.

Look, in another terminal:
  ./dev psql
    select customer, count(*), max(bounced_at) from current_bounces group by customer;
    select * from current_bounces where customer = 'corner-shop';
    select customer, email, reason, first_seen_at from bounces order by first_seen_at desc limit 5;
    select customer, email, gone_because, gone_at from bounces where gone_at is not null order by gone_at desc;
    select * from polls order by poll_id desc limit 5;
    insert into deletion_requests (customer, email) select customer, email from current_bounces where customer = 'corner-shop' limit 1;
    select * from deletion_requests;
  build/release/bounced status --config .dev/bounced.yaml

Change a list behind its back; the next poll sees it, or the one that you ask for:
  curl --cacert .dev/simulator-ca.pem $api/control/add -d customer=corner-shop -d email=you@example.org
  curl --cacert .dev/simulator-ca.pem $api/control/remove-some -d customer=newsletter -d count=10
  ./dev psql -c "select poll_now('newsletter')"

With an account of your own: copy config/bounced.example.yaml to FILE, change its account, take its database.url out,
and ./dev run --config FILE. Ctrl-C stops the daemon and the simulator; PostgreSQL stays until ./dev stop.

TEXT
  exec build/release/bounced run --config "$dev/bounced.yaml"
}
