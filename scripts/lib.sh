# Shared by the scripts of this folder: source it, do not run it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${EK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/evenkeel}

started=$(date +%s)
say() { printf '\n[%4ds] %s\n' "$(($(date +%s) - started))" "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Installs those of the named Debian packages that are missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "this script installs Debian packages with apt-get, which is
  not here; install the equivalents of: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install sudo; missing: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# What a build needs; README.md says why each is there.
build_packages=(gcc libc6-dev cmake ninja-build pkg-config libjansson-dev nettle-dev
  libyaml-dev libsqlite3-dev)
