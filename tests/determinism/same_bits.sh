#!/usr/bin/env bash
# The same study in every way that must not matter: threads, workers, instruction sets, a build of
# another compiler. The hashes are also held against tests/golden/study_hash.txt.
. "$(dirname "$0")/../cli/tiny.sh.inc"

reviews 60 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe devlin,stable,hf --seeds 1..2
  "${quick[@]}" -q)
hashes() { sqlite3 "$1/store.db" "SELECT name, seed, weights_hash FROM runs JOIN groups ON groups.id = group_id ORDER BY 1, 2"; }
compare() { # compare NAME COMMAND...
  local name=$1
  shift
  "$@" -o "$name" >/dev/null 2>"$name.log" || fail "$name: $(cat "$name.log")"
  [ "$(hashes "$name")" = "$(hashes base)" ] || fail "$name: other weights than base"
  echo "$name: compared"
}

"$EVENKEEL" "${study[@]}" --jobs 1 --threads 1 -o base >/dev/null 2>&1 || fail "the study itself"
[ "$(hashes base)" = "$(cat "$EK_SOURCE_DIR/tests/golden/study_hash.txt")" ] ||
  fail "other weights than tests/golden/study_hash.txt: $(hashes base)"
compare threads_2 "$EVENKEEL" "${study[@]}" --jobs 1 --threads 2
compare threads_3 "$EVENKEEL" "${study[@]}" --jobs 1 --threads 3
compare jobs_2 "$EVENKEEL" "${study[@]}" --jobs 2
skipped=0
for isa in scalar avx2 avx512 avx512_bf16; do
  if EK_ISA=$isa "$EVENKEEL" "${study[@]}" -n >/dev/null 2>&1; then
    EK_ISA=$isa compare "isa_$isa" "$EVENKEEL" "${study[@]}"
  else
    echo "isa_$isa: not on this machine"
    skipped=$((skipped + 1))
  fi
done
[ "$skipped" -lt 4 ] || fail "no instruction set could be forced"

if command -v clang >/dev/null && [ -z "${EK_NO_CLANG:-}" ]; then
  cmake -S "$EK_SOURCE_DIR" -B clang -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release \
    -DEK_TESTS=OFF >/dev/null 2>clang.log && cmake --build clang >>clang.log 2>&1 ||
    fail "build with clang: $(tail -n 5 clang.log)"
  compare clang clang/evenkeel "${study[@]}"
else
  echo "clang: not compared"
fi
finish
