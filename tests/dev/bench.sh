# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Benchmarks; read by ./dev.

# What one fsync of the database's disk takes, in microseconds, as pg_test_fsync sees it.
measure_fsync() {
  as_server "$bin/pg_test_fsync" --secs-per-test=1 --filename="$home/fsync-test" 2>/dev/null |
    sed -n 's/^ *fdatasync .* \([0-9]*\) usecs\/op$/\1/p' | head -n 1
}

# write_bench_configuration EVERY CONCURRENCY CUSTOMERS: CUSTOMERS is a line of the account.
write_bench_configuration() {
  rm -f "$dev/simulator.key"
  (umask 077 && echo dev-key >"$dev/simulator.key")
  cat >"$dev/bench.yaml" <<YAML
database: {url: "postgresql:///bounced_bench?host=$socket&user=bounced"}
polling: {every: $1, concurrency: $2}
deletions: {concurrency: 8}
accounts:
  - name: main
    base_url: $api
    ca_file: simulator-ca.pem
    user: reseller
    key: {file: simulator.key}
    rate_limit: 0
    concurrency: $2
    $3
YAML
}

# run_bench NAME [OPTION...]
run_bench() {
  BENCH_URL="postgresql://bounced@/bounced_bench?host=$socket" BENCH_API=$api BENCH_CA=$dev/simulator-ca.pem \
    BENCH_PROGRAM=$root/build/release/bounced BENCH_CONFIG=$dev/bench.yaml BENCH_OUT=$root/build/bench/$1.json \
    BENCH_FSYNC_US=$(measure_fsync) BENCH_CUSTOMERS=$dev/bench-customers.txt BENCH_SIMULATOR=$simulator \
    BENCH_PSQL=$bin/psql BENCH_SUPERUSER_URL="postgresql://postgres@/bounced_bench?host=$socket" BENCH_FOLDER=$dev \
    BENCH_POSTMASTER=$(as_server head -n 1 "$data/postmaster.pid") node "build/bench/$1.mjs" "${@:2}"
}

bench_deletions() {
  local customer customers=()
  for customer in 0 1 2 3 4 5 6 7 8 9; do customers+=(--customer "c$customer=2200:$customer"); done
  start_simulator "${customers[@]}"
  write_bench_configuration 24h 8 'customers: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9]'
  say "mirroring ten customers"
  build/release/bounced sync --config "$dev/bench.yaml" >&2
  run_bench deletions "$@"
}

bench_polls() {
  local every=60s
  [[ " $* " != *' --hour'* ]] || every=1s
  start_simulator --customers c=50000:20
  # 50,000 polls a minute that take 20 ms each, with room for those that take longer.
  write_bench_configuration "$every" 32 'customers_file: bench-customers.txt'
  run_bench polls "$@"
}

bench_lists() {
  start_simulator --customer json=1
  printf '%s\n' json grown huge ten{0..9} >"$dev/bench-lists.txt"
  write_bench_configuration 24h 8 'customers_file: bench-lists.txt'
  cat >>"$dev/bench.yaml" <<YAML
  - name: xml
    format: xml
    base_url: $api
    ca_file: simulator-ca.pem
    user: reseller
    key: {file: simulator.key}
    rate_limit: 0
    customers: [xml]
YAML
  run_bench lists "$@"
}

bench_v3() {
  local name size customers=()
  for name in still busy wild; do customers+=(--customer "$name=100000:1"); done
  for size in 1 501 2000 20000; do customers+=(--customer "long$size=$size:3"); done
  start_simulator "${customers[@]}" --customer one=1500:7 --customers many=100:20
  rm -f "$dev/simulator.key"
  (umask 077 && echo dev-key >"$dev/simulator.key")
  cat >"$dev/bench.yaml" <<YAML
database: {url: "postgresql:///bounced_bench?host=$socket&user=bounced"}
polling: {every: 24h}
accounts:
  - name: main
    api: v3
    base_url: $api
    ca_file: simulator-ca.pem
    key: {file: simulator.key}
    rate_limit: 0
    customers: all
YAML
  run_bench v3 "$@"
}

bench_scale() {
  local count=100000 option
  [[ " $* " != *' --quick'* ]] || count=1000
  for option in "$@"; do [[ $option != --customers=* ]] || count=${option#*=}; done
  start_simulator --customer c0=10:1
  write_bench_configuration 24h 8 'customers_file: bench-scale.txt'
  seq -f 'c%.0f' 0 $((count - 1)) >"$dev/bench-scale.txt"
  run_bench scale "$@"
}

bench() {
  local which=all
  if [[ ${1---} != --* ]]; then
    which=$1
    shift
  fi
  [[ $which =~ ^(all|deletions|polls|lists|v3|scale)$ ]] ||
    die "bench [deletions|polls|lists|v3|scale] [--quick] [OPTION...]"
  local npm=()
  command -v npm >/dev/null || npm=(nodejs npm)
  prepare_simulated "${npm[@]}"
  mkdir -p build/bench
  cp tests/bench/package.json tests/bench/package-lock.json build/bench/
  cp tests/bench/*.mjs build/bench/
  (cd build/bench && npm ci --no-audit --no-fund --loglevel=error >&2) || die "npm could not install the peers"
  start_cluster
  local one
  for one in deletions polls lists v3 scale; do
    # The last fills a disk: by name alone.
    [[ $which == "$one" || ($which == all && $one != scale) ]] || continue
    script_psql -U postgres -d postgres -c 'drop database if exists bounced_bench with (force)' \
      -c 'create database bounced_bench owner bounced'
    "bench_$one" "$@"
  done
}
