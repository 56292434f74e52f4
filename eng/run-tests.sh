#!/usr/bin/env bash
# Runs every test project of tests/, built in Release already; a trx file of each in artifacts/test-results.
# The last line is "N passed, N failed, N skipped"; it exits non-zero unless some passed and none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

results=artifacts/test-results
rm -rf "$results"
mkdir -p "$results"

crashed=0
while IFS= read -r project; do
  name=$(basename "$project" .csproj)
  printf '\n== %s\n' "$name"
  # A test that hangs is ended after five minutes without news and counts as failed.
  status=0
  dotnet test "artifacts/bin/$name/release/$name.dll" --nologo \
    --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
    --blame-hang-timeout 5m --blame-hang-dump-type none </dev/null || status=$?
  # A run that ended badly without a failed test to show for it, or without any test, has failed as a whole.
  read -r passed failed skipped < <(eng/trx.sh count "$results/$name.trx")
  if (( status != 0 && failed == 0 )) || (( passed + failed + skipped == 0 )); then
    echo "$name: the run itself failed (exit code $status, $((passed + failed + skipped)) tests)."
    crashed=$((crashed + 1))
  fi
done < <(grep -l '<IsTestProject>true</IsTestProject>' tests/*/*.csproj)

reasons=$(eng/trx.sh skipped "$results"/*.trx)
if [[ $reasons ]]; then
  printf '\nSkipped, by reason:\n%s\n' "$reasons"
fi

read -r passed failed skipped < <(eng/trx.sh count "$results"/*.trx)
failed=$((failed + crashed))
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
(( passed > 0 && failed == 0 ))
