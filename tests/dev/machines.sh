# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Other Debians: trees in which commands of ./dev run, and machines with a systemd of their own for the package's test;
# read by ./dev.

# What keeps a tree or a machine from being made; nothing where they can be. It may ask for a password.
no_machine_because() {
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    echo "it needs root, and there is no sudo"
  elif ((EUID != 0)) && [[ ! -t 2 ]] && ! sudo -n true 2>/dev/null; then
    echo "it needs root, and sudo would ask for a password"
  elif ((EUID != 0)) && ! sudo -v -p "[sudo] root is needed for another Debian; password of %p: "; then
    echo "it needs root, and sudo refused"
  elif ! as_root unshare --mount true 2>/dev/null; then
    echo "there is no right to mount"
  fi
}

# Tests take longer than sudo remembers the password.
keep_sudo() {
  ((EUID != 0)) || return 0
  (while kill -0 $$ 2>/dev/null && sudo -nv 2>/dev/null; do sleep 60; done) &
}

# suite_of RELEASE
suite_of() {
  case $1 in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) die "the release is 12 or 13, not $1" ;;
  esac
}

tree_of() { echo "/var/tmp/bounced-debian-$1"; }

# The status of a command that could not be tried there.
not_tried=77

# on RELEASE COMMAND...: runs this script, with a copy of these sources, in a Debian of its own with today's packages. The
# tree stays, so that the next time is quicker.
on() {
  local of=${1-} why tree
  (($# > 1)) || die "on RELEASE COMMAND..., as on 13 test"
  suite_of "$of" >/dev/null
  tree=$(tree_of "$of")
  why=$(no_machine_because)
  if [[ ! $why ]]; then
    need debootstrap
    mkdir -p build
    exec 7>>"/var/tmp/.bounced-debian-$of-$EUID.lock"
    flock --nonblock 7 || {
      say "another command is at work in $tree; waiting for it"
      flock 7
    }
    say "Debian $of: making its tree $tree, or bringing it up to date"
    as_root tests/dev/make_debian "$tree" "$(suite_of "$of")" || why="its tree could not be made or brought up to date; see above"
  fi
  if [[ $why ]]; then
    skip "$2 on Debian $of" "$why"
    return "$not_tried"
  fi
  earlier_sources || true
  source_version >build/package-version
  as_root tests/dev/lay_sources "$tree" || die "the sources could not be copied to $tree"
  # The mounts end with the command.
  # shellcheck disable=SC2016
  as_root unshare --mount --pid --fork bash -euc '
    mount -t proc proc "$0/proc"
    mount -t sysfs sysfs "$0/sys"
    mount -t tmpfs tmpfs "$0/dev/shm"
    mount -t devpts devpts "$0/dev/pts" -o newinstance,ptmxmode=0666
    exec chroot "$0" env --chdir=/srv/bounced BOUNCED_STRICT="$1" BOUNCED_IN_TREE=yes ./dev "${@:2}"' \
    "$tree" "${BOUNCED_STRICT-}" "${@:2}" 7>&-
  exec 7>&-
}

# ---- the package on a machine of its own, with a real systemd ----

# Lays the sources of the last commit before the newest migration into build/earlier. One from before there were
# packages is packed as we do it now. Fails where git does not know.
earlier_sources() {
  local commit
  # In a tree they were laid from outside.
  [[ ! ${BOUNCED_IN_TREE-} ]] || return 1
  commit=$(git log -1 --diff-filter=A --format=%H^ -- migrations 2>/dev/null) && [[ $commit ]] &&
    git rev-parse --quiet --verify "$commit" >/dev/null || return 1
  [[ $(cat build/earlier/package-version 2>/dev/null) != "$(git_version "$commit")" ]] || return 0
  rm -rf build/earlier
  mkdir -p build/earlier
  git archive "$commit" | tar -x -C build/earlier
  if [[ ! -e build/earlier/systemd ]]; then
    cp -r systemd dev README.md build/earlier/
    cp -r tests/dev build/earlier/tests/
    printf '%s\n' 'set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)' 'add_subdirectory(systemd)' >>build/earlier/CMakeLists.txt
  fi
  # Later compilers and libraries may bring warnings.
  sed -i 's/-Werror\b//' build/earlier/CMakeLists.txt
  git_version "$commit" >build/earlier/package-version
}

# What machines need: this package, the earlier one, and the simulator.
packages() {
  deb
  build release bounced-simulator
  [[ ! -e build/earlier/dev ]] || (cd build/earlier && BOUNCED_STRICT='' ./dev deb)
}

# package_tests [RELEASE]: 12 or 13; without it that which this is. Where machines cannot be had, says why.
package_tests() {
  local of=${1:-$release} where=$root log=build/package.log why p f status=0
  suite_of "$of" >/dev/null
  why=$(no_machine_because)
  if [[ $why ]]; then
    skip "the package on a machine of its own" "$why"
    return
  fi
  need "${test_packages[@]}" "${deb_packages[@]}" "${machine_packages[@]}"
  earlier_sources || skip "the upgrade of an earlier package" "git does not know one; a shallow clone has none"
  if [[ $of == "$release" ]]; then
    packages
  else
    # A process of its own: a failure in it must end it.
    "$root/dev" on "$of" packages || status=$?
    if ((status == not_tried)); then
      skip "the package on a machine of its own" "it could not be built on Debian $of"
      return
    fi
    ((status == 0)) || die "the package could not be built on Debian $of"
    where=$(tree_of "$of")/srv/bounced
  fi
  say "the package on a machine of its own: Debian $of"
  # The mounts end with the command.
  as_root unshare --mount --fork tests/package/package_test.sh "$(suite_of "$of")" "$where"/build/deb/*.deb \
    "$where/build/release/tests/simulator/bounced-simulator" "$(ls "$where"/build/earlier/build/deb/*.deb 2>/dev/null)" \
    </dev/null 2>&1 | tee "$log" || true
  read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log"; echo 0 1)
  passed=$((passed + p)) failed=$((failed + f))
}
