#!/usr/bin/env bash
# The same study in every way that must not matter: threads, workers, instruction sets, a build of
# another compiler, in both precisions. The hashes are also held against tests/golden/study_hash.txt.
. "$(dirname "$0")/../cli/tiny.sh.inc"

reviews 60 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe devlin,stable,hf --seeds 1..2
  "${quick[@]}" -q)
hashes() { # the precision, group, seed and hash of every run
  sqlite3 "$1/store.db" "SELECT value, name, seed, weights_hash FROM runs
    JOIN groups ON groups.id = runs.group_id
    JOIN config ON config.group_id = groups.id AND key = 'precision' ORDER BY 1, 2, 3"
}
compare() { # compare NAME BASE COMMAND...
  local name=$1 base=$2
  shift 2
  "$@" -o "$name" >/dev/null 2>"$name.log" || fail "$name: $(cat "$name.log")"
  [ "$(hashes "$name")" = "$(hashes "$base")" ] || fail "$name: other weights than $base"
  echo "$name: compared"
}

for precision in fp32 bf16; do
  base=base_$precision
  this=("${study[@]}" --precision $precision)
  "$EVENKEEL" "${this[@]}" --jobs 1 --threads 1 -o $base >/dev/null 2>&1 || fail "the study itself"
  [ "$(hashes $base)" = "$(grep "^$precision|" "$EK_SOURCE_DIR/tests/golden/study_hash.txt")" ] ||
    fail "other weights than tests/golden/study_hash.txt: $(hashes $base)"
  for threads in 2 3 4; do
    compare ${precision}_threads_$threads $base "$EVENKEEL" "${this[@]}" --jobs 1 --threads $threads
  done
  compare ${precision}_jobs_2 $base "$EVENKEEL" "${this[@]}" --jobs 2
  forced=0
  for isa in scalar avx2 avx512 avx512_bf16 neon; do
    if EK_ISA=$isa "$EVENKEEL" "${this[@]}" -n >/dev/null 2>&1; then
      EK_ISA=$isa compare ${precision}_isa_$isa $base "$EVENKEEL" "${this[@]}"
      forced=$((forced + 1))
    else
      echo "${precision}_isa_$isa: not on this machine"
    fi
  done
  [ "$forced" -gt 0 ] || fail "no instruction set could be forced"
done

# The tiny model's products fit one block of depth and columns; those of a real one do not.
if [ -n "${EK_MODELS:-}" ]; then
  for i in $(seq 24); do
    printf '%s\t%s\n' $((i % 2)) "$(seq -s ' word ' "$i" $((i + 40)))"
  done | sed '1i label\ttext' >long.tsv
  real=(train --model "$EK_MODELS/minilm" --train-file long.tsv --recipe hf --batch-size 16
    --max-steps 3 --eval-steps 0 --force -o real)
  weights() { "$EVENKEEL" "${real[@]}" "$@" 2>/dev/null | awk '$1 == "weights" { print $2 }'; }
  for precision in fp32 bf16; do
    one=$(weights --precision $precision --threads 1)
    [ ${#one} = 64 ] || fail "MiniLM did not train"
    for threads in 2 3 4; do
      [ "$(weights --precision $precision --threads $threads)" = "$one" ] ||
        fail "MiniLM, $precision: other weights with $threads threads"
    done
    echo "${precision}_minilm: compared"
  done
fi

if command -v clang >/dev/null && [ -z "${EK_NO_CLANG:-}" ]; then
  cmake -S "$EK_SOURCE_DIR" -B clang -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release \
    -DEK_TESTS=OFF >/dev/null 2>clang.log && cmake --build clang >>clang.log 2>&1 ||
    fail "build with clang: $(tail -n 5 clang.log)"
  for precision in fp32 bf16; do
    compare clang_$precision base_$precision clang/evenkeel "${study[@]}" --precision $precision
  done
else
  echo "clang: not compared"
fi
finish
