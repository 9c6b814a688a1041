# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The tests; read by ./dev. Every command of it ends with a line "N passed, N failed, N skipped".

passed=0 failed=0 skipped=0
wrapper=() # what ctest is run by

# skip WHAT WHY
skip() {
  say "skipped: $1: $2"
  skipped=$((skipped + 1))
}

# Whether all went well. Prints the line at the end.
tell_results() {
  ((passed + failed)) || say "nothing ran"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0 && passed > 0))
}

# run_tests PRESET OPTION...: of ctest.
run_tests() {
  local log=build/$1/Testing/Temporary/LastTest.log status=0 p f s
  rm -f "$log"
  "${wrapper[@]}" ctest --test-dir "build/$1" --no-tests=error --parallel "$(nproc)" --output-on-failure "${@:2}" </dev/null || status=$?
  read -r p f s < <([[ ! -e $log ]] || awk -f tests/dev/summary.awk "$log"; echo 0 0 0)
  # What ctest could not even start is in no log.
  ((status == 0 || f > 0)) || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

sanitized_tests() {
  build asan
  run_tests asan "$@"
}

thread_tests() {
  build tsan pool_test liveness_test
  # g++ 12's ThreadSanitizer cannot place its memory where the kernel makes addresses very random.
  if setarch -R true 2>/dev/null; then wrapper=(setarch -R); fi
  run_tests tsan -R '^(pool|liveness)_test$'
  wrapper=()
}

# Each target for ten seconds. What it finds stays in build/fuzz/corpus; what breaks it is build/fuzz/NAME-crash-*.
fuzz_tests() {
  build fuzz fuzzers
  local program name
  for program in build/fuzz/tests/fuzz/*_fuzz; do
    name=$(basename "$program" _fuzz)
    mkdir -p "build/fuzz/corpus/$name"
    if "$program" -max_total_time=10 -timeout=10 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" \
      "tests/fuzz/corpus/$name" </dev/null &>"build/fuzz/$name.log"; then
      passed=$((passed + 1))
      say "fuzzed $name: $(grep -E '^Done ' "build/fuzz/$name.log")"
    else
      failed=$((failed + 1))
      tail -n 60 "build/fuzz/$name.log"
      say "fuzzing $name FAILED"
    fi
  done
}

# In a tree the package is left out: its machine is made outside.
all_tests() {
  local why="" machine=()
  if [[ ! ${BOUNCED_IN_TREE-} ]]; then
    why=$(no_machine_because)
    [[ $why ]] || machine=("${deb_packages[@]}" "${machine_packages[@]}")
  fi
  need "${test_packages[@]}" "${fuzz_packages[@]}" "${machine[@]}"
  [[ $why ]] || keep_sudo
  sanitized_tests
  thread_tests
  fuzz_tests
  [[ ${BOUNCED_IN_TREE-} ]] || package_tests
}

# tests_on RELEASE OPTION...
tests_on() {
  local log=build/on.log status=0 p f s
  mkdir -p build
  "$root/dev" on "$1" test "${@:2}" | tee "$log" || status=${PIPESTATUS[0]}
  ((status != not_tried)) || exit "$status"
  read -r p f s < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -n 1; echo 0 1 0)
  passed=$p failed=$f skipped=$s
  (($# > 1)) || package_tests "$1"
}

test_() {
  case "${1-} ${2-}" in
    " ") all_tests ;;
    "--on="*) tests_on "${1#*=}" "${@:2}" ;;
    "--service "* | "--only package") package_tests ;;
    "--service="*) package_tests "${1#*=}" ;;
    "--only unit" | "--only integration" | "--only service")
      need "${test_packages[@]}"
      sanitized_tests -L "^$2\$" "${@:3}"
      ;;
    "--only tsan")
      need "${test_packages[@]}"
      thread_tests
      ;;
    "--only fuzz")
      need "${fuzz_packages[@]}"
      fuzz_tests
      ;;
    --only*) die "test --only unit, integration, service, tsan, fuzz or package" ;;
    *)
      need "${test_packages[@]}"
      sanitized_tests "$@"
      ;;
  esac
  tell_results
}

# What a user runs, with the compiler and the libraries of this release. With --on it is well, too, where that Debian cannot
# be made: it says so.
smoke() {
  local status=0
  if [[ ${1-} == --on=* ]]; then
    "$root/dev" on "${1#*=}" smoke || status=$?
    ((status == not_tried)) && return 0
    return "$status"
  fi
  need "${test_packages[@]}"
  "$root/dev" run --once || die "the tour failed"
  lock_build
  configure release -DBOUNCED_TESTS=ON
  ninja_with_progress build/release -j "$(job_count)" unit_tests || die "the unit tests do not build"
  configure release -DBOUNCED_TESTS=OFF
  exec 8>&-
  run_tests release -L '^unit$'
  passed=$((passed + 1)) # the tour
  tell_results
}
