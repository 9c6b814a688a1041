# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Which system this is, and the Debian packages that each command needs; read by ./dev.

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo -- "$@"
  fi
}

os_release_file=/etc/os-release

# os_release KEY
os_release() { sed -n "s/^$1=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/\1/p" "$os_release_file"; }

# Sets release, to 12 or 13. On other systems it ends, and says what to do.
find_release() {
  [[ -r $os_release_file ]] ||
    die "there is no $os_release_file, so ./dev cannot tell which system this is. It runs on Debian 12 and 13."
  release=$(os_release VERSION_ID)
  [[ $(os_release ID) == debian && ($release == 12 || $release == 13) ]] && return
  die "this is $(os_release PRETTY_NAME). ./dev runs on Debian 12 and 13: use one of them, in a container for instance." \
    "Where you have the libraries that CMakeLists.txt names, build by hand: cmake --preset release && cmake --build" \
    "build/release"
}

# Sets the lists of packages, each for a purpose.
name_packages() {
  # Debian 12 has the Boost that we need beside its default one.
  local boost=""
  [[ $release != 12 ]] || boost=1.81
  build_packages=(cmake ninja-build g++ pkg-config "libboost$boost-dev" "libboost-json$boost-dev"
    "libboost-url$boost-dev" libpqxx-dev libpq-dev libspdlog-dev libfmt-dev libyaml-cpp-dev libexpat1-dev libcli11-dev
    libsystemd-dev libssl-dev libisal-dev libxxhash-dev zlib1g-dev)
  cluster_packages=(postgresql)
  run_packages=("${build_packages[@]}" "${cluster_packages[@]}" curl ca-certificates)
  test_packages=("${run_packages[@]}" libgtest-dev libgmock-dev ccache pgbouncer tinyproxy)
  fuzz_packages=("${build_packages[@]}" libgtest-dev libgmock-dev clang libclang-rt-dev)
  deb_packages=("${build_packages[@]}" pandoc dpkg-dev file)
  machine_packages=(systemd-container debootstrap lintian procps)
  lint_packages=("${test_packages[@]}" clang-format clang-tidy shellcheck)
}

# Prints which of the packages are not installed.
missing_packages() {
  LC_ALL=C comm -23 <(printf '%s\n' "$@" | LC_ALL=C sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | LC_ALL=C sort -u)
}

# While the server is being installed, Debian must not make a system cluster and start it.
no_system_cluster=/etc/postgresql-common/createcluster.d/bounced-dev.conf

# need PACKAGE...: installs those that are missing, all at once. Each command calls it before it begins.
need() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "packages are missing, and there is no sudo. As root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing from Debian: ${missing[*]}"
  local log=$root/build/install.log
  mkdir -p "$root/build"
  : >"$log"
  if [[ $(as_root dpkg --audit) || $(ls /var/lib/dpkg/updates 2>/dev/null) ]]; then
    say "an earlier installation was interrupted; finishing it"
    as_root dpkg --configure -a </dev/null >>"$log" 2>&1 || true # what it cannot finish needs packages that are missing
    as_root apt-get -qy --fix-broken install </dev/null >>"$log" 2>&1 || install_failed "$log"
  fi
  as_root apt-get update -q </dev/null >>"$log" 2>&1 || install_failed "$log"
  # It tells how much that is, and ends with "Abort.".
  { as_root env LC_ALL=C apt-get install --assume-no --no-install-recommends "${missing[@]}" </dev/null 2>/dev/null || true; } |
    sed -n 's/^\(Need to get\|After this\)/    &/p' >&2
  say "this is done once, and takes one or two minutes with a good network"
  local with_server=
  [[ " ${missing[*]} " != *" postgresql "* ]] || with_server=yes
  if [[ $with_server ]]; then
    # Whatever ends this, a later server of the machine's owner gets its cluster.
    remove_at_exit=$no_system_cluster
    as_root mkdir -p "${no_system_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_system_cluster" >/dev/null
  fi
  # What was downloaded is not kept: it is a third of the size.
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get install -qy --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o APT::Keep-Downloaded-Packages=false -o APT::Status-Fd=1 "${missing[@]}" \
    </dev/null 2>&1 | tee -a "$log" | apt_progress || true
  if [[ $with_server ]]; then
    as_root rm -f "$no_system_cluster"
    remove_at_exit=
  fi
  mapfile -t missing < <(missing_packages "${missing[@]}")
  ((${#missing[@]} == 0)) || install_failed "$log"
}

# install_failed LOG
install_failed() {
  { grep -v '^[dp][lm]status:' "$1" || true; } | tail -n 20 >&2
  die "apt-get could not install the packages; its last words are above, all of them in ${1#"$root/"}. Without a network," \
    "or while another program installs, try again later."
}
