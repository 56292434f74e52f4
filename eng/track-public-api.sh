#!/usr/bin/env bash
# Writes the public API of each package that has changed into its PublicAPI.Unshipped.txt.
#   eng/track-public-api.sh [PROJECT...]       all packages where none is named
# The first time it makes the two files, and the package's lock file gains the analyzer that reads them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 CI=false

(( $# )) || set -- Containerd.Abstractions Containerd.Snapshots Containerd.Images Containerd.Execution Containerd.Network tests/Containerd.Conformance

for project; do
  for file in Shipped Unshipped; do
    [[ -f $project/PublicAPI.$file.txt ]] || echo '#nullable enable' >"$project/PublicAPI.$file.txt"
  done
  dotnet restore "$project" --force-evaluate
  # RS0016: not written down yet. RS0017: written down, but gone.
  dotnet format analyzers "$project" --no-restore --severity warn --diagnostics RS0016 RS0017
done
