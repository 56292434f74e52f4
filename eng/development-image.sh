#!/usr/bin/env bash
# Makes the image whose layers the benchmarks apply, as an OCI layout: a development image of this machine's own distribution, with compilers, Python, Node.js and
# libraries, a layer each.
#   development-image.sh LAYOUT SCRATCH
# LAYOUT is made once and kept; SCRATCH is a directory to build in, best on tmpfs, which the caller removes.
set -euo pipefail
layout=$1 scratch=$2
[[ -f $layout/index.json ]] && exit 0
export PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$scratch/debs/partial" "$(dirname "$layout")"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$scratch/policy.json"
# Only files are put together here, never a program run: the driver that works everywhere will do.
buildah() {
  command buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver vfs "$@"
}

tree=$(dirname "$layout")/debian.tar
"$(dirname "${BASH_SOURCE[0]}")/debian-tree.sh" "$tree"

# layer NAME: commits what changed since the last one, and goes on from there.
layer() {
  buildah commit --quiet --rm --signature-policy "$scratch/policy.json" "$container" "development:$1" >/dev/null
  container=$(buildah from --pull-never --signature-policy "$scratch/policy.json" "localhost/development:$1")
  root=$(buildah mount "$container")
}

# packages NAME PACKAGE...: what the tree lacks of these, by this machine's own lists, unpacked and noted as installed. No script of a package is run.
packages() {
  local name=$1
  shift
  apt-get install --quiet=2 --yes --download-only --no-install-recommends \
    -o Dir::State::status="$root/var/lib/dpkg/status" -o Dir::Cache::archives="$scratch/debs" -o Debug::NoLocking=1 "$@" >"$scratch/log" 2>&1 ||
    { tail -n 20 "$scratch/log" >&2; exit 1; }
  for deb in "$scratch/debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar --extract --preserve-permissions --keep-directory-symlink --directory="$root"
    { dpkg-deb --field "$deb" | sed '/^Package:/a Status: install ok installed'; echo; } >>"$root/var/lib/dpkg/status"
    rm "$deb"
  done
  layer "$name"
}

container=$(buildah from scratch)
buildah add --quiet "$container" "$tree" / >/dev/null
layer base
packages compilers gcc g++ make git
packages python python3-dev python3-pip python3-scipy
packages node nodejs npm
# The kernel's headers have many small files; Ubuntu and Debian name them otherwise.
headers=linux-headers-generic
apt-cache show "$headers" >"$scratch/log" 2>&1 || headers=linux-headers-$(dpkg --print-architecture)
packages libraries libboost-dev "$headers"

# As an image's last steps often do: things removed, and a program put on top.
rm -rf "$root/usr/share/doc" "$root/usr/share/man"
mkdir -p "$root/opt/work"
printf '#!/bin/sh\n' >"$root/opt/work/entry"
chmod 755 "$root/opt/work/entry"
buildah config --cmd /opt/work/entry "$container"
layer top

rm -rf "$layout.part"
buildah push --quiet --signature-policy "$scratch/policy.json" --format oci development:top "oci:$layout.part:development"
du -sb "$root" | cut -f 1 >"$layout.part/unpacked-bytes"
find "$root" | wc -l >"$layout.part/unpacked-files"
buildah umount "$container" >/dev/null
mv "$layout.part" "$layout"
