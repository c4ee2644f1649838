#!/usr/bin/env bash
# The last runs of a study get the cores of workers that have nothing left to do, in the middle of a
# run; the weights stay. Whoever limits the study to a number of threads or to one job keeps that.
. "$(dirname "$0")/../cli/tiny.sh.inc"

reviews 60 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe stable --seeds 1..3 "${quick[@]}"
  --num-train-epochs 60 --eval-steps 0 -v)
hashes() { sqlite3 "$1/store.db" "SELECT seed, weights_hash FROM runs ORDER BY 1"; }

# most NAME OPTIONS...: runs the study, prints the most threads that any of its workers had
most() {
  local name=$1 pid child tasks highest=0
  shift
  "$EVENKEEL" "${study[@]}" -o "$name" "$@" >/dev/null 2>"$name.log" &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    for child in $(pgrep -P $pid); do
      tasks=(/proc/"$child"/task/*)
      [ ${#tasks[@]} -gt $highest ] && highest=${#tasks[@]}
    done
  done
  wait $pid || fail "$name: $(cat "$name.log")"
  echo $highest
}

alone=$(most alone --jobs 1 --threads 1)
[ "$alone" = 1 ] || fail "--jobs 1 --threads 1 had $alone threads"
for limit in "--jobs 1" "--jobs 2 --threads 1"; do
  # shellcheck disable=SC2086
  threads=$(most "limited${limit//[^0-9]/}" $limit)
  [ "$threads" = 1 ] || fail "$limit had $threads threads"
  [ "$(hashes alone)" = "$(hashes "limited${limit//[^0-9]/}")" ] || fail "$limit: other weights"
done
! grep -q "threads, before" ./*.log || fail "a limited study grew: $(cat ./*.log)"

# One core of the mask: one worker, nothing to share.
core=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
taskset -c "$core" "$EVENKEEL" "${study[@]}" -o one_core >/dev/null 2>one_core.log ||
  fail "one core: $(cat one_core.log)"
[ "$(hashes alone)" = "$(hashes one_core)" ] || fail "one core: other weights"
[ "$(sqlite3 one_core/store.db "SELECT jobs, threads FROM environment")" = "1|1" ] || fail "one core, many workers"

# More jobs than cores work, with a word about it.
"$EVENKEEL" "${study[@]}" --jobs 3 -o many >/dev/null 2>many.log || fail "many: $(cat many.log)"
[ "$(hashes alone)" = "$(hashes many)" ] || fail "--jobs 3: other weights"
taskset -c "$core" "$EVENKEEL" "${study[@]}" --jobs 3 -o crowd >/dev/null 2>crowd.log ||
  fail "crowd: $(cat crowd.log)"
grep -q "3 workers of 1 thread share 1 usable core:" crowd.log || fail "no warning: $(cat crowd.log)"
[ "$(hashes alone)" = "$(hashes crowd)" ] || fail "three jobs on a core: other weights"

if [ "$(nproc)" -lt 2 ]; then
  echo "one core: nothing can grow here"
else
  # On a busy machine two workers may happen to end together, with no step left to grow in.
  for _ in 1 2 3 4 5; do
    rm -rf grown
    threads=$(most grown --jobs 2)
    [ "$(hashes alone)" = "$(hashes grown)" ] || fail "growing: other weights"
    grep -q "threads, before 1, from step" grown.log && break
  done
  grep "threads, before 1, from step" grown.log || fail "no run got the second core: $(cat grown.log)"
  [ "$threads" -ge 2 ] || fail "no worker had a second thread"
  # A worker that starts with all cores: one run is left.
  expect 0 "starts with 2 threads" "$EVENKEEL" "${study[@]}" --seeds 1..4 --jobs 2 -o grown
fi
finish
