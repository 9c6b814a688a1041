# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The private PostgreSQL; read by ./dev.
#
# It runs as the user, or as postgres for root, since it refuses to run as root. Its data are in .dev/postgres where that
# user can reach it; a root user's home is closed to others, and then .dev/postgres is a link to where they are.

as_server() {
  if ((EUID == 0)); then
    (cd / && exec setpriv --reuid="$server" --regid="$(id -g "$server")" --init-groups -- "$@")
  else
    "$@"
  fi
}

# Sets server, home, data, socket and bin.
find_cluster() {
  mkdir -p "$dev" || die "cannot make $dev"
  [[ -w $dev ]] || die "$dev belongs to another user: remove it, or use a checkout of your own"
  local key
  key=$(sha256sum <<<"$root" | cut -c1-8)
  socket=/tmp/bounced-dev-$key # sockets have short paths, of at most 107 bytes
  server=$(id -un)
  if [[ -e $dev/postgres ]]; then
    ((EUID == 0)) && server=$(stat -Lc %U "$dev/postgres")
  elif ((EUID != 0)); then
    mkdir "$dev/postgres"
  else
    server=postgres
    home=$dev/postgres
    if ! as_server test -x "$dev"; then
      home=/var/lib/postgresql/bounced-dev-$key
      ln -sfn "$home" "$dev/postgres"
    fi
    install -d -o postgres -g postgres -m 700 "$home"
  fi
  home=$(readlink -f "$dev/postgres")
  data=$home/data
  local version
  if [[ -e $data/PG_VERSION ]]; then
    version=$(cat "$data/PG_VERSION")
    [[ -x /usr/lib/postgresql/$version/bin/postgres ]] ||
      die "the private cluster was made by PostgreSQL $version, which is gone. It holds nothing that a poll does not" \
        "bring back: rm -rf '$home', and a new one will be made; or install postgresql-$version"
  else
    version=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sed 's|.*postgresql/\([^/]*\)/.*|\1|' | sort -V | tail -1)
  fi
  bin=/usr/lib/postgresql/$version/bin
}

cluster_answers() { "$bin/pg_isready" -q -h "$socket" -U postgres -d postgres; }

# logged COMMAND...: with its output in the log, the end of which is shown where the command fails.
logged() {
  # A server that goes on must not hold the lock of the command that started it.
  as_server "$@" >>"$dev/postgres.log" 2>&1 </dev/null 9>&- ||
    die "${1##*/} failed:"$'\n'"$(tail -n 15 "$dev/postgres.log")"
}

make_cluster() {
  say "making a private PostgreSQL in $home"
  as_server rm -rf "$home/new"
  logged "$bin/initdb" --pgdata="$home/new" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8
  as_server mv "$home/new" "$data"
}

# A server that was killed, or a machine that was, leaves its pid file, and the pid may be another's by now. A server
# whose socket was swept away from /tmp is there but cannot be reached.
clear_remains() {
  local pid
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
  if [[ $(as_server readlink "/proc/$pid/exe") == */postgres ]]; then
    logged "$bin/pg_ctl" --pgdata="$data" --mode=fast stop
  else
    as_server rm -f "$data/postmaster.pid" "$socket/.s.PGSQL.5432.lock"
  fi
}

start_cluster() {
  find_cluster
  cluster_answers && return
  [[ -e $data/PG_VERSION ]] || make_cluster
  clear_remains
  as_server mkdir -p -m 700 "$socket"
  [[ $(stat -c %U "$socket") == "$server" ]] || die "$socket belongs to another user: remove it"
  say "starting the private PostgreSQL; ./dev stop stops it"
  logged "$bin/pg_ctl" --pgdata="$data" --wait --options="-c listen_addresses='' -c unix_socket_directories=$socket" start
  script_psql -U postgres -d postgres <<'SQL'
select 'create role bounced login' where not exists (select from pg_roles where rolname = 'bounced') \gexec
select 'create database bounced owner bounced' where not exists (select from pg_database where datname = 'bounced') \gexec
SQL
}

# psql for scripts, and for what prints one value.
script_psql() {
  PGOPTIONS='-csearch_path=bounced -cclient_min_messages=warning' "$bin/psql" -h "$socket" -U bounced -d bounced \
    --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --pset=pager=off "$@"
}
value_psql() { script_psql --no-align --tuples-only "$@"; }

psql_() {
  need "${cluster_packages[@]}"
  start_cluster
  PGHOST=$socket PGUSER=bounced PGDATABASE=${PGDATABASE:-bounced} PGOPTIONS=-csearch_path=bounced exec "$bin/psql" "$@"
}

stop() {
  need "${cluster_packages[@]}"
  [[ -e $dev/postgres ]] || die "there is no private PostgreSQL here"
  find_cluster
  clear_remains
  say "stopped"
}
