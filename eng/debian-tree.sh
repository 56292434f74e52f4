#!/usr/bin/env bash
# Makes a tar archive of a minimal tree of this machine's own distribution, with debootstrap: eng/debian-tree.sh FILE.tar
# An archive that is there already is kept. A build that is killed leaves no archive, and none that is half.
set -euo pipefail

archive=$1
[[ -f $archive ]] && exit 0
. /etc/os-release
mkdir -p "$(dirname "$archive")"
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$archive.$$"' EXIT
debootstrap --variant=minbase --include=iproute2 "$VERSION_CODENAME" "$tree" > "$tree.log" 2>&1 \
  || { tail -n 20 "$tree.log" >&2; exit 1; }
rm -f "$tree.log" "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*_*
tar --create --numeric-owner --xattrs --sort=name --directory="$tree" --file="$archive.$$" .
mv "$archive.$$" "$archive"
