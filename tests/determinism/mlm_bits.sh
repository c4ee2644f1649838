#!/usr/bin/env bash
# Continued pre-training in every way that must not matter: threads and instruction sets, in both
# precisions; the hashes are also held against tests/golden/mlm_hash.txt.
. "$(dirname "$0")/../cli/tiny.sh.inc"

for i in $(seq 40); do
  echo "the price of oil is up and trade in wheat is down , ship $i was not for the bank ."
done >text.txt
run=(train --model "$EK_SOURCE_DIR/tests/golden/tiny_mlm" --task mlm --train-file text.txt
  --recipe hf --learning-rate 3e-3 --num-train-epochs 2 --batch-size 4 --max-seq-length 32
  --gradient-accumulation-steps 2 -q --json)
bits() { "$EVENKEEL" "${run[@]}" "$@" 2>error.log | jq -r '"\(.weights_hash) \(.loss)"'; }

for precision in fp32 bf16; do
  one=$(bits --precision $precision --threads 1)
  expected=$(awk -v p=$precision '$1 == p { print $2, $3 }' "$EK_SOURCE_DIR/tests/golden/mlm_hash.txt")
  [ "$one" = "$expected" ] ||
    fail "$precision: '$one' is not tests/golden/mlm_hash.txt's '$expected' $(cat error.log)"
  for threads in 2 3; do
    [ "$(bits --precision $precision --threads $threads)" = "$one" ] ||
      fail "$precision: other bits with $threads threads"
  done
  forced=0
  for isa in scalar avx2 avx512 avx512_bf16 neon; do
    other=$(EK_ISA=$isa bits --precision $precision --threads 1)
    if [ -z "$other" ]; then
      echo "${precision}_isa_$isa: not on this machine"
      continue
    fi
    [ "$other" = "$one" ] || fail "$precision: other bits with $isa: $other"
    forced=$((forced + 1))
    echo "${precision}_isa_$isa: compared"
  done
  [ "$forced" -gt 0 ] || fail "no instruction set could be forced"
done
finish
