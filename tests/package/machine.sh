# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Debian machine of its own, with a real systemd, in a container that has no network but its loopback: boot, at, halt.
# Read by package_test.sh. What it needs: root, systemd-nspawn, and mounts that end with the process.

# make_tree SUITE: sets tree, the root file system that machines begin with. It stays, with the packages that machines will
# install, and is brought up to date each time.
make_tree() {
  tree=/var/tmp/bounced-machine-$1
  echo "Debian $1 in $tree: making it, or bringing it up to date"
  "${BASH_SOURCE[0]%/*}/../dev/make_debian" "$tree" "$1" systemd-sysv dbus sudo curl man-db bash-completion || return 1
  # Who is asked says yes, and keeps a configuration of one's own.
  echo 'APT::Get::Assume-Yes "true"; Dpkg::Options { "--force-confdef"; "--force-confold"; };' >"$tree/etc/apt/apt.conf.d/90yes"
  echo machine >"$tree/etc/hostname"
  echo 127.0.0.1 localhost machine sendgrid.com >"$tree/etc/hosts"
  # What a server does not need, and takes time to boot or to install.
  ln -sfn /dev/null "$tree/etc/systemd/system/apt-daily.timer"
  ln -sfn /dev/null "$tree/etc/systemd/system/apt-daily-upgrade.timer"
}

# fetch PACKAGE...: what the machine's apt will install is in its cache, since it has no network. Packages that are files
# are ours, each fetched for by itself, as two versions of one exclude each other.
fetch() {
  local package
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  for package; do
    if [[ $package == /* ]]; then
      cp "$package" "$tree/ours.deb"
      package=/ours.deb
    fi
    # shellcheck disable=SC2016
    chroot "$tree" env DEBIAN_FRONTEND=noninteractive sh -c '
      get() { apt-get install -q --download-only "$1"; }
      get "$1" || { apt-get update -q && get "$1"; }' sh "$package" >"$tree.log" 2>&1 || {
      tail -n 20 "$tree.log"
      return 1
    }
  done
  rm -f "$tree/ours.deb"
}

# new_machine: begins with the tree as it is. Sets machine, its root file system.
new_machine() {
  layers=$(mktemp -d /var/tmp/bounced-machine.XXXXXX)
  mount -t tmpfs -o mode=755 tmpfs "$layers"
  mkdir "$layers/upper" "$layers/work" "$layers/root"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
  machine=$layers/root
}

drop_machine() {
  [[ ${layers-} ]] || return 0
  halt
  umount "$layers/root" "$layers"
  rmdir "$layers"
  layers=
}

# boot: starts the machine, and returns when it takes commands.
boot() {
  # One hierarchy of control groups, as every Debian of today has, whatever this machine has.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setpriv --pdeathsig KILL systemd-nspawn --quiet --boot --directory="$machine" \
    --machine=bounced-test --hostname=machine --register=no --keep-unit --private-network \
    --resolv-conf=off --timezone=off --console=read-only </dev/null >"$layers/console" 2>&1 &
  nspawn=$!
  init=
  local deadline=$((SECONDS + 60))
  # Not until it is "running": a service may be starting for long.
  until [[ $init ]] && at systemctl is-active --quiet basic.target 2>/dev/null; do
    { kill -0 "$nspawn" 2>/dev/null && ((SECONDS < deadline)); } || { cat "$layers/console" && return 1; }
    init=$(pgrep --parent "$nspawn") || true
    sleep 0.05
  done
}

# at COMMAND...: as root on the machine, with the input that this has.
at() {
  nsenter --target "$init" --mount --uts --ipc --net --pid --root --wd=/ -- \
    env -i -C /srv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
    DEBIAN_FRONTEND=noninteractive SYSTEMD_COLORS=0 SUDO_EDITOR="${editor-}" "$@"
}

halt() {
  [[ ${nspawn-} ]] || return 0
  at systemctl poweroff &>/dev/null
  wait "$nspawn"
  nspawn=
}
