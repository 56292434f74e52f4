#!/usr/bin/env bash
# Makes a tar archive of a minimal tree of this machine's own distribution, with debootstrap: eng/debian-tree.sh FILE.tar
# An archive that is there already is kept. A build that is killed leaves no archive, and none that is half.
set -euo pipefail

archive=$1
[[ -f $archive ]] && exit 0
export PATH=$PATH:/usr/sbin:/sbin
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# From where this machine's own packages come; debootstrap's default where that cannot be told.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" | head -n 1)

mkdir -p "$(dirname "$archive")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$archive.$$"' EXIT
debootstrap --variant=minbase --include=iproute2 "$suite" "$scratch/tree" ${mirror:+"$mirror"} >"$scratch/log" 2>&1 ||
  { tail -n 20 "$scratch/log" >&2; exit 1; }
rm -rf "$scratch/tree/var/cache/apt/archives/"*.deb "$scratch/tree/var/lib/apt/lists/"*_*
tar --create --numeric-owner --xattrs --sort=name --directory="$scratch/tree" --file="$archive.$$" .
mv "$archive.$$" "$archive"
