#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What ./dev says and does where something is in its way. Prints results in GoogleTest's form, which ./dev test counts.
# Functions are called by name.
# shellcheck disable=SC2317
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}
# shellcheck source=tests/dev/progress.sh
. tests/dev/progress.sh
# shellcheck source=tests/dev/packages.sh
. tests/dev/packages.sh
# shellcheck source=tests/dev/simulated.sh
. tests/dev/simulated.sh

failures=0
# case_ NAME WANTED_STATUS WANTED_TEXT COMMAND...
case_() {
  local said status=0
  echo "[ RUN      ] Dev.$1"
  said=$("${@:4}" 2>&1) || status=$?
  if ((status == $2)) && [[ $said == *"$3"* ]]; then
    echo "[       OK ] Dev.$1 (0 ms)"
  else
    echo "status $status instead of $2, or no \"$3\" in: $said"
    echo "[  FAILED  ] Dev.$1 (0 ms)"
    failures=1
  fi
}

on_system() {
  printf '%s\n' "${@:1:$#-1}" >"$folder/os-release"
  os_release_file=$folder/os-release
  find_release && echo "release $release" && "${@: -1}"
}
on_nothing() {
  os_release_file=$folder/none
  find_release
}
boost_packages() {
  name_packages
  echo "${build_packages[*]}"
}

case_ Debian12IsSupported 0 "libboost1.81-dev" on_system 'ID=debian' 'VERSION_ID="12"' boost_packages
case_ Debian13IsSupported 0 "libboost-dev" on_system "VERSION_ID='13'" 'ID=debian' boost_packages
case_ AnotherDistributionIsToldSo 1 "this is Ubuntu 24.04.1 LTS. ./dev runs on Debian 12 and 13" \
  on_system 'PRETTY_NAME="Ubuntu 24.04.1 LTS"' 'ID=ubuntu' 'VERSION_ID="24.04"' true
case_ AnOlderDebianIsToldSo 1 "this is Debian GNU/Linux 11 (bullseye)" \
  on_system 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"' 'ID=debian' 'VERSION_ID="11"' true
case_ ASystemWithoutANameIsToldSo 1 "cannot tell which system this is" on_nothing

second_run() {
  dev=$folder/dev
  mkdir -p "$dev"
  (
    lock_simulated
    exec sleep 60
  ) &
  local first=$! status=0
  until [[ -s $dev/lock ]]; do sleep 0.01; done
  (lock_simulated) || status=$?
  kill "$first"
  wait "$first" 2>/dev/null
  # It has ended, and the next one begins.
  (lock_simulated) || return 3
  return "$status"
}
case_ ASecondRunInOneCheckoutIsRefused 1 "is at work in this checkout" second_run

failing_build() {
  mkdir -p "$folder/build"
  printf 'rule no\n  command = printf "what the %%s said\\n" compiler; false\nbuild x: no\n' >"$folder/build/build.ninja"
  ninja_with_progress "$folder/build"
}
case_ AFailedBuildShowsWhatTheCompilerSaid 1 "what the compiler said" failing_build

exit "$failures"
