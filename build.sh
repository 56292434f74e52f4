#!/usr/bin/env bash
# The one entry: ./build.sh help
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$REPO"

# A one-shot build leaves no server behind; the SDK runs on a machine without ICU.
export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=${DOTNET_SYSTEM_GLOBALIZATION_INVARIANT:-1}
export HOME=${HOME:-$REPO/artifacts/home}

say()  { printf '\n== %s\n' "$*" >&2; }
note() { printf '%s\n' "$*" >&2; }
die()  { printf 'error: %s\n' "$*" >&2; exit 1; }

. eng/debian.sh

help() {
  cat <<'END'
./build.sh COMMAND

  demo [IMAGE]              runs a container in process: of this machine's busybox, or of IMAGE pulled from its registry
  test                      builds everything and runs all tests; the last line is "N passed, N failed, N skipped"
  bench [GROUP...] [--check]
                            compares with containerd, buildah and others; without a group, all groups.
                            Results: artifacts/bench. --check fails where a target is missed. "bench micro": BenchmarkDotNet
  pack                      packs the packages into artifacts/packages
  build                     builds the solution in Release
  clean                     removes everything that was built

Each command sets the machine up first: it checks the .NET SDK and, as root on Debian or Ubuntu, installs the packages
it needs (eng/debian-packages.txt). demo and bench need root; without it test ignores what needs it.
END
}

check_sdk() {
  local wanted version
  wanted=$(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' global.json)
  local advice="This repository builds with the .NET SDK $wanted or a later one of .NET ${wanted%.*}.
  Ubuntu:  apt-get install dotnet-sdk-${wanted%.*}
  Debian:  the same package, dotnet-sdk-${wanted%.*}, from the package repository that Microsoft keeps for Debian
  Any:     Microsoft's dotnet-install script with --channel ${wanted%.*}, then put its directory on PATH"
  command -v dotnet >/dev/null || die "there is no 'dotnet' on PATH.
$advice"
  version=$(dotnet --version 2>/dev/null) || die "none of the installed .NET SDKs fits global.json:
$(dotnet --list-sdks | sed 's/^/  /')
$advice"
  note ".NET SDK $version"
}

# build [PROJECT]: the solution, or one project and what it refers to.
build() {
  check_sdk
  say "Building ${1:-Containerd.sln}"
  dotnet build "${1:-Containerd.sln}" -c Release -v quiet --nologo >&2
}

demo() {
  (( EUID == 0 )) || die "the demo mounts file systems and makes namespaces: run it as root (sudo ./build.sh demo)."
  ensure_packages demo
  build samples/Ctr
  local arguments=("$@")
  [[ ${1:-} == '' || $1 == -* ]] || arguments=(--image "$@")
  exec dotnet artifacts/bin/Ctr/release/ctr-net.dll demo "${arguments[@]}"
}

test() {
  ensure_packages test
  load_file_systems
  build
  eng/run-tests.sh
}

# A file system that is a module is not listed in /proc/filesystems, where the tests look, before it is loaded.
load_file_systems() {
  (( EUID == 0 )) && command -v modprobe >/dev/null || return 0
  local type
  for type in overlay btrfs xfs ext4 erofs; do modprobe -q "fs-$type" || true; done
}

bench() {
  (( EUID == 0 )) || die "the benchmarks mount file systems and start containerd: run them as root."
  ensure_packages bench
  build samples/Ctr
  build tests/Containerd.Benchmarks
  exec dotnet artifacts/bin/Containerd.Benchmarks/release/Containerd.Benchmarks.dll "$@"
}

pack() {
  build
  say "Packing into artifacts/packages"
  rm -f artifacts/packages/*.nupkg artifacts/packages/*.snupkg
  dotnet pack Containerd.sln -c Release --no-build --nologo -v quiet >&2
  ls artifacts/packages/*.nupkg
}

clean() {
  # All of artifacts/ but the directory that nuget.config names.
  find artifacts -mindepth 1 -maxdepth 1 ! -name packages -exec rm -rf {} +
  rm -f artifacts/packages/*.nupkg artifacts/packages/*.snupkg
}

command=${1:-help}
shift || true
case $command in
  demo | test | bench | pack | build | clean) "$command" "$@" ;;
  help | -h | --help) help ;;
  *) help >&2; die "no command '$command'." ;;
esac
