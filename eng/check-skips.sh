#!/usr/bin/env bash
# Fails where a test was skipped for want of something this machine has, or for a reason it does not know.
#   check-skips.sh TRX...
# The reasons are those of tests/Containerd.Conformance/Requirements. Each is checked here anew, independent of the
# attribute that gave it: a test that skips itself everywhere would otherwise never be noticed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin

wrong=0
complain() { printf 'skipped %s: %s, but %s\n' "$count" "$reason" "$1"; wrong=1; }

# True where version $1 is at least $2.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

while IFS=$'\t' read -r count reason; do
  case $reason in
    'needs root')
      (( EUID != 0 )) || complain 'this is root' ;;
    'needs program:'*)
      name=${reason#needs program:}
      if command -v "$name" >/dev/null; then complain "it is $(command -v "$name")"
      elif ! awk -v name="$name" '$1 !~ /^#/ && $3 == name { found = 1 } END { exit !found }' "$here/debian-packages.txt"
      then complain 'eng/debian-packages.txt names no package that brings it'
      fi ;;
    'needs filesystem:'*)
      name=${reason#needs filesystem:}
      if awk -v name="$name" '$NF == name { found = 1 } END { exit !found }' /proc/filesystems
      then complain '/proc/filesystems lists it'
      elif modprobe -n -q "fs-$name" 2>/dev/null; then complain 'the kernel has it as a module'
      fi ;;
    'needs kernel:'[0-9]*.[0-9]*)
      release=$(uname -r)
      at_least "${release%%[!0-9.]*}" "${reason#needs kernel:}" && complain "this is $release" ;;
    *)
      complain 'this is no reason that is known here' ;;
  esac
done < <("$here/trx.sh" skipped "$@")

exit "$wrong"
