#!/usr/bin/env bash
# Reads VSTest result files with nothing but awk.
#   trx.sh count FILE...      "PASSED FAILED SKIPPED", summed
#   trx.sh skipped FILE...    "COUNT<tab>REASON" of the skipped tests, one line for each reason
# A file that is missing holds no test. An outcome that is neither passed nor not executed is a failure.
set -euo pipefail

what=$1
shift
files=()
for file; do
  [[ -f $file ]] && files+=("$file")
done
(( ${#files[@]} )) || files=(/dev/null)

# Records begin after each "<"; attribute values and text have theirs escaped, so that only real elements begin one.
LC_ALL=C awk -v what="$what" '
  function text(s) {
    gsub(/&lt;/, "<", s); gsub(/&gt;/, ">", s); gsub(/&quot;/, "\"", s); gsub(/&#x[DA];/, " ", s); gsub(/&amp;/, "\\&", s)
    gsub(/[[:space:]]+/, " ", s); gsub(/^ | $/, "", s)
    return s
  }
  function close_test() { if (open && outcome == "NotExecuted") reasons[reason == "" ? "no reason given" : reason]++; open = 0 }
  BEGIN { RS = "<" }
  /^UnitTestResult[[:space:]]/ {
    close_test()
    open = 1; reason = ""
    outcome = match($0, /[[:space:]]outcome="[^"]*"/) ? substr($0, RSTART + 10, RLENGTH - 11) : "none"
    if (outcome == "Passed") passed++
    else if (outcome == "NotExecuted") skipped++
    else failed++
  }
  # A test of a fixture that was skipped says so in front of the reason.
  /^Message>/ && open && reason == "" { reason = text(substr($0, 9)); sub(/^OneTimeSetUp: /, "", reason) }
  /^TestDefinitions/ { close_test() }
  END {
    close_test()
    if (what == "count") printf "%d %d %d\n", passed, failed, skipped
    else for (reason in reasons) printf "%d\t%s\n", reasons[reason], reason | "sort -k2"
  }
' "${files[@]}"
