# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# One line that says how far long work has come; read by ./dev.

# progress LABEL: reads lines "DONE OF", whole numbers, on standard input. On a terminal the line is written over and over;
# elsewhere a new one comes every twenty seconds.
progress() {
  local every=20 began=$SECONDS shown=$SECONDS done of took line
  [[ ! -t 2 ]] || every=0
  while read -r done of; do
    took=$((SECONDS - began))
    ((every == 0 || SECONDS - shown >= every)) || continue
    shown=$SECONDS
    line="==> $1: $((100 * done / of)) %, $took s"
    # The first parts say little of the rest.
    if ((took >= 3 && done < of && 10 * done > of)); then
      line+=", about $((took * (of - done) / done)) s left"
    fi
    if ((every)); then
      printf '%s\n' "$line" >&2
    else
      printf '\r\033[K%s' "$line" >&2
    fi
  done
  if ((every == 0)); then printf '\r\033[K' >&2; fi
}

# Reads what apt-get says with APT::Status-Fd=1. Downloading is a third of the work.
apt_progress() {
  local kind percent
  while IFS=: read -r kind _ percent _; do
    percent=${percent%%.*}
    case $kind in
      dlstatus) echo "$percent 300" ;;
      pmstatus) echo "$((100 + 2 * percent)) 300" ;;
    esac
  done | progress "installing"
}

# ninja_with_progress FOLDER [OPTION...]: what the compiler says is in FOLDER.log, and is shown where it fails.
ninja_with_progress() {
  local log=$1.log status=0
  NINJA_STATUS='@%f %t@ ' ninja -C "$@" </dev/null 2>&1 | tee "$log" | sed -un 's/^@\([0-9]* [0-9]*\)@ .*/\1/p' |
    progress "building $1" || status=${PIPESTATUS[0]}
  if ((status)); then
    if grep -q '^FAILED: ' "$log"; then sed -n '/^FAILED: /,$p' "$log"; else tail -n 20 "$log"; fi | head -n 100 >&2
    say "all that the compiler said: $log"
  elif [[ ${BOUNCED_STRICT-} ]]; then
    sed -E '/^@[0-9]+ [0-9]+@ /d; /^ninja: (Entering|no work)/d' "$log" >&2
  fi
  return "$status"
}
