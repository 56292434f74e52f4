#!/usr/bin/env bash
# Makes the image that the benchmarks pull, as an OCI layout: a real Debian or Ubuntu tree and layers as builds make them.
#   bench-image.sh LAYOUT SCRATCH
# LAYOUT is made once and kept; SCRATCH is a directory to build in, best on tmpfs, which the caller removes.
set -euo pipefail
layout=$1 scratch=$2
[[ -f $layout/index.json ]] && exit 0
export PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$scratch" "$(dirname "$layout")"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$scratch/policy.json"
# Only plain files are put together here, never a program run: the driver that works everywhere will do.
buildah() {
  command buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver vfs "$@"
}

# The base: a tree of this machine's own distribution, kept beside the layout.
tree=$(dirname "$layout")/debian.tar
"$(dirname "${BASH_SOURCE[0]}")/debian-tree.sh" "$tree"

# layer NAME: commits what changed since the last one, and goes on from there.
layer() {
  buildah commit --quiet --rm --signature-policy "$scratch/policy.json" "$container" "bench:$1" >/dev/null
  container=$(buildah from --pull-never --signature-policy "$scratch/policy.json" "localhost/bench:$1")
  root=$(buildah mount "$container")
}

container=$(buildah from scratch)
buildah add --quiet "$container" "$tree" / >/dev/null
layer base

# Many small files, as a package manager's cache or node_modules.
mkdir -p "$root/opt/many"
awk -v root="$root/opt/many" 'BEGIN {
  for (d = 0; d < 80; d++) {
    system("mkdir " root "/" d)
    for (f = 0; f < 100; f++) { path = root "/" d "/file" f ".txt"; for (l = 0; l < 20 + f; l++) print d, f, l * 7919 % 1009 >path; close(path) }
  }
}'
layer many

# A few large ones, as compiled programs: half of it does not compress.
mkdir -p "$root/opt/large"
for i in 1 2 3 4; do
  { head -c 12M /dev/urandom; head -c 12M < <(tar -C "$root/usr" -cf - bin); } >"$root/opt/large/program$i"
done
layer large

# What was there is changed and removed: overwritten files, whiteouts, an opaque directory's content.
rm -rf "$root/usr/share/doc" "$root/opt/many/1"
chmod -R g+w "$root/opt/many/2"
echo changed >>"$root/etc/motd"
layer changed

echo '#!/bin/sh' >"$root/opt/entry"
chmod 755 "$root/opt/entry"
buildah config --cmd /opt/entry "$container"
layer top

rm -rf "$layout.part"
buildah push --quiet --signature-policy "$scratch/policy.json" --format oci bench:top "oci:$layout.part:bench"
du -sb "$root" | cut -f 1 >"$layout.part/unpacked-bytes"
buildah umount "$container" >/dev/null
mv "$layout.part" "$layout"
