#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test through CTest: once with the release
# build, then the unit and command-line tests again under address and undefined-behaviour sanitizers.
#
#     scripts/test.sh            everything
#     scripts/test.sh --quick    the release build only
#     scripts/test.sh --neon     also the NEON kernels, cross-compiled for AArch64 and emulated: installs
#                                the compiler, qemu and Debian's libraries for arm64. Without it this
#                                test is skipped (and counted) where they are missing
#
# EK_DATA=DIR    a folder with GLUE's tasks: without it the tests that need it are skipped, counted
# EK_MODELS=DIR  the folder that scripts/fetch.sh prints: likewise for the real models
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

quick=false neon=false
for option in "$@"; do
  case $option in
    --quick) quick=true ;;
    --neon) neon=true ;;
    *) die "unknown option $option; there are --quick and --neon" ;;
  esac
done

need_packages "${build_packages[@]}" libcmocka-dev sqlite3 jq procps gnuplot-nox clang libomp-dev
# A machine without a browser is no reason to run no test at all.
(need_packages python3 chromium) || say "no browser can be installed: that test is skipped, and counted"
if $neon; then
  need_neon_packages
fi

say "building (release)"
cmake --preset release -DEK_TESTS=ON >/dev/null
cmake --build --preset release
say "testing (release); EK_DATA ${EK_DATA:-is not set}, EK_MODELS ${EK_MODELS:-is not set}"
ctest --preset release --output-on-failure

if ! $quick; then
  say "building (sanitizers)"
  cmake --preset asan -DEK_TESTS=ON >/dev/null
  cmake --build --preset asan
  say "testing (sanitizers)"
  # Not the real models: without optimisation their tests take an hour and show nothing new.
  env -u EK_MODELS ctest --preset asan --output-on-failure -L 'unit|cli'
fi
