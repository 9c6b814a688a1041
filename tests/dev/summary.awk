# SPDX-License-Identifier: Apache-2.0
# Reads the LastTest.log of ctest, which holds the output of each program and how it ended. Prints on stderr what was
# skipped and why, and "PASSED FAILED SKIPPED" of GoogleTest's cases on stdout.

/^[0-9]+\/[0-9]+ Testing: / { program = $3; in_output = started = ended = failed_here = 0 }
/^-+$/ { in_output = 1; next }
/^<end of output>$/ { in_output = 0 }

in_output && /\[ RUN      \] / { ++started; reason = ""; next }
in_output && /\[       OK \] .*\([0-9]+ ms\)$/ { ++ended; ++passed; next }
in_output && /\[  FAILED  \] .*\([0-9]+ ms\)$/ { ++ended; ++failed; ++failed_here; next }
in_output && /\[  SKIPPED \] .*\([0-9]+ ms\)$/ {
  ++ended; ++skipped
  sub(/^.*\[  SKIPPED \] /, ""); sub(/ \([0-9]+ ms\)$/, "")
  print "skipped: " program ": " $0 ": " reason > "/dev/stderr"
  next
}
in_output && !/: Skipped$/ && NF { reason = reason (reason == "" ? "" : " ") $0 }

# A case that began and did not end took its program with it. A program can also fail after or outside of its cases.
/^Test (Passed|Failed)\.$/ {
  lost = started - ended
  if (lost > 0) { failed += lost; failed_here += lost }
  if ($0 != "Test Passed." && failed_here == 0) ++failed
}
/^Unable to find executable: / { ++failed }

END { print passed + 0, failed + 0, skipped + 0 }
