# Sourced by build.sh: makes sure that the Debian packages a command needs are there (eng/debian-packages.txt).
# Where they cannot be had it says so and goes on: a test that needs one is then ignored with the reason.

# wanted_packages COMMAND: "package probe" for each package the command needs and the machine lacks.
wanted_packages() {
  local for package probe _
  while read -r for package probe _; do
    [[ $for == '' || $for == '#'* ]] && continue
    [[ ,$for, == *,$1,* ]] || continue
    is_present "$package" "$probe" || echo "$package"
  done <"$REPO/eng/debian-packages.txt"
}

# is_present PACKAGE PROBE
is_present() {
  if [[ $2 == - ]]; then
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
  else
    PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null
  fi
}

# ensure_packages COMMAND
ensure_packages() {
  local wanted
  mapfile -t wanted < <(wanted_packages "$1")
  (( ${#wanted[@]} )) || return 0

  if ! command -v apt-get >/dev/null; then
    note "This is no Debian or Ubuntu machine. '$1' uses what these packages hold there; install what is the like:"
    note "  ${wanted[*]}"
  elif (( EUID != 0 )); then
    note "'$1' uses packages that are not installed, and installing them takes root:"
    note "  sudo apt-get install --no-install-recommends ${wanted[*]}"
  else
    install_packages "${wanted[@]}"
  fi
}

install_packages() {
  say "Installing ${*}"
  without_starting_services
  apt_get update || note "apt-get update failed; going on with the lists that are there."

  local package available=()
  for package; do
    if apt-cache show "$package" >/dev/null 2>&1; then available+=("$package")
    else note "This distribution has no package $package; what needs it will be ignored."
    fi
  done
  if (( ${#available[@]} )) && ! apt_install --no-remove "${available[@]}"; then
    # One that cannot be installed must not keep the others out.
    for package in "${available[@]}"; do install_alone "$package"; done
  fi
  services_as_before
}

# Never at the price of another package, save one: busybox-static takes the place of busybox, and is it in all but size.
install_alone() {
  if [[ $1 == busybox-static ]]; then apt_install "$1"
  else apt_install --no-remove "$1"
  fi || note "Could not install $1; what needs it will be ignored."
}

apt_install() { apt_get install -y --no-install-recommends "$@"; }

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null >&2; }

# Debian starts a service when its package is installed, unless policy-rc.d says no.
POLICY=/usr/sbin/policy-rc.d
without_starting_services() {
  [[ -e $POLICY ]] && return
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
  trap services_as_before EXIT
  POLICY_IS_OURS=1
}
services_as_before() {
  [[ ${POLICY_IS_OURS:-} ]] || return 0
  rm -f "$POLICY"
  POLICY_IS_OURS=
}
