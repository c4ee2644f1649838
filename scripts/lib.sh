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

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || die "run as root, or install sudo, for: $*"
    sudo "$@"
  fi
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
  say "installing Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# What a build needs; README.md says why each is there.
build_packages=(gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libssl-dev
  libyaml-dev libsqlite3-dev libprotobuf-c-dev protobuf-c-compiler)

# What tests/determinism/neon.sh needs: a cross compiler, an emulator, the libraries of AArch64.
neon_packages=(gcc-aarch64-linux-gnu qemu-user libjansson-dev:arm64 libssl-dev:arm64
  libyaml-dev:arm64 libsqlite3-dev:arm64 libprotobuf-c-dev:arm64 libcmocka-dev:arm64 libgomp1:arm64)

need_neon_packages() {
  [ "$(uname -m)" != aarch64 ] || return 0
  if command -v dpkg >/dev/null && ! dpkg --print-foreign-architectures | grep -qx arm64; then
    say "adding Debian's architecture arm64"
    as_root dpkg --add-architecture arm64
  fi
  # A mirror without that architecture is no reason to run no test at all.
  (need_packages "${neon_packages[@]}") ||
    say "the libraries for arm64 cannot be installed: the test of NEON will be skipped"
}
