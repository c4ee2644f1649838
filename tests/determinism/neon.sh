#!/usr/bin/env bash
# The NEON kernels on a machine that has none: everything is cross-compiled for AArch64 and runs under
# qemu, which computes in software what the architecture defines. The tests of the kernels and the
# study of same_bits.sh must give the committed hashes. On AArch64 itself all other tests do this.
#
# Skipped without the cross compiler, qemu and the libraries that scripts/test.sh --neon installs.
. "$(dirname "$0")/../cli/tiny.sh.inc"

skip() {
  echo "skipped: $*"
  exit 77
}
[ "$(uname -m)" != aarch64 ] || skip "this machine needs no emulation"
for program in aarch64-linux-gnu-gcc qemu-aarch64; do
  command -v "$program" >/dev/null || skip "no $program (scripts/test.sh --neon)"
done
libraries=/usr/lib/aarch64-linux-gnu
for file in "$libraries"/{libc,libgomp}.so.* "$libraries"/pkgconfig/{jansson,libcrypto,yaml-0.1,sqlite3,cmocka}.pc; do
  [ -e "$file" ] || skip "no $file (scripts/test.sh --neon)"
done

cmake -S "$EK_SOURCE_DIR" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
  --toolchain "$EK_SOURCE_DIR/cmake/aarch64.cmake" >/dev/null 2>build.log &&
  cmake --build build --target evenkeel test_kernel_hash test_kernel_gemm test_kernel_elementary \
    >>build.log 2>&1 || { fail "the cross build: $(tail -n 20 build.log)"; finish; }

export OMP_WAIT_POLICY=passive # the emulated program cannot start itself again with it
kernel_test() { # kernel_test NAME [VARIABLE=VALUE...]
  local name=$1
  shift
  if env "$@" qemu-aarch64 "build/tests/$name" >"$name.log" 2>&1; then
    echo "$name: passed"
  else
    fail "$name: $(grep -E 'ERROR|FAILED|LINE|committed hash' "$name.log" || tail -n 5 "$name.log")"
  fi
  grep -q 'SKIPPED.*neon' "$name.log" && fail "$name ran without NEON"
  return 0
}
(kernel_test test_kernel_hash EK_HASH_THREADS=2; exit "$failures") & # the longest, beside the others
beside=$!
kernel_test test_kernel_gemm EK_BF16_STRIDE=20011
kernel_test test_kernel_elementary EK_ULP_STRIDE=50021

reviews 60 >reviews.csv
# study ISA THREADS PRECISION
study() {
  local name=$1_$2_$3 found
  EK_ISA=$1 qemu-aarch64 build/evenkeel study --model "$tiny" --train-file reviews.csv \
    --recipe devlin,stable,hf --seeds 1..2 "${quick[@]}" -q --threads "$2" --precision "$3" \
    --jobs $((3 - $2)) -o "$name" >"$name.log" 2>&1 || fail "$name: $(cat "$name.log")"
  found=$(sqlite3 "$name/store.db" "SELECT '$3', name, seed, weights_hash FROM runs
    JOIN groups ON groups.id = group_id ORDER BY 2, 3")
  if [ "$found" = "$(grep "^$3|" "$EK_SOURCE_DIR/tests/golden/study_hash.txt")" ]; then
    echo "study, EK_ISA=$1, $2 threads, $3: the committed hashes"
  else
    fail "study, EK_ISA=$1, $2 threads, $3: other weights than tests/golden/study_hash.txt: $found"
  fi
}
study neon 1 fp32
study neon 2 fp32
study neon 2 bf16
study scalar 1 fp32
wait "$beside" || failures=$((failures + 1))
finish
