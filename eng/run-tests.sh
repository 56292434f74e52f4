#!/usr/bin/env bash
# Runs every test project of tests/, built in Release already; a trx file of each in artifacts/test-results.
# The last line is "N passed, N failed, N skipped"; it exits non-zero unless some passed and none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

results=artifacts/test-results
rm -rf "$results"
mkdir -p "$results"

# Runs the tests of one project. A test that hangs is ended after five minutes without news and counts as failed.
run() {
  local name=$1 status=0
  shift
  "$@" dotnet test "artifacts/bin/$name/release/$name.dll" --nologo \
    --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
    --blame-hang-timeout 5m --blame-hang-dump-type none </dev/null || status=$?
  # A run that ended badly without a failed test to show for it, or without any test, has failed as a whole.
  local passed failed skipped
  read -r passed failed skipped < <(eng/trx.sh count "$results/$name.trx")
  if (( status != 0 && failed == 0 )) || (( passed + failed + skipped == 0 )); then
    echo "$name: the run itself failed (exit code $status, $((passed + failed + skipped)) tests)."
    echo "$name" >> "$results/crashed"
  fi
}

# The longest runs beside the others, in a mount namespace of its own where that is allowed: what its tests mount is then no concern of tests that
# look whether something was left mounted on the machine.
beside=Containerd.Snapshots.Tests
apart=()
if unshare --mount --propagation private true 2>/dev/null; then
  apart=(unshare --mount --propagation private)
fi
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
run "$beside" "${apart[@]}" > "$results/$beside.log" 2>&1 &

while IFS= read -r project; do
  name=$(basename "$project" .csproj)
  if [[ $name != "$beside" ]]; then
    printf '\n== %s\n' "$name"
    run "$name"
  fi
done < <(grep -l '<IsTestProject>true</IsTestProject>' tests/*/*.csproj)
printf '\n== %s\n' "$beside"
wait
cat "$results/$beside.log"

reasons=$(eng/trx.sh skipped "$results"/*.trx)
if [[ $reasons ]]; then
  printf '\nSkipped, by reason:\n%s\n' "$reasons"
fi

read -r passed failed skipped < <(eng/trx.sh count "$results"/*.trx)
if [[ -f $results/crashed ]]; then
  failed=$((failed + $(wc -l < "$results/crashed")))
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
(( passed > 0 && failed == 0 ))
