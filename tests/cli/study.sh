#!/usr/bin/env bash
# A study from start to finish: extended, refused, interrupted, killed, verified, made again.
. "$(dirname "$0")/tiny.sh.inc"

reviews 60 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe devlin,stable "${quick[@]}" -q)
expect 0 "stable" "$EVENKEEL" "${study[@]}" --seeds 1..3 -o whole
"$EVENKEEL" status whole --json | jq -e '(.runs | length) == 6 and ([.runs[].status] | unique) == ["done"]
  and .groups[0].n == 3 and (.groups[0].settings.learning_rate == 0.003)' >/dev/null || fail "study --json"
expect 0 "fewer than 5 seeds" "$EVENKEEL" status whole

# The same again does nothing; more seeds and recipes extend; other values are refused with a diff.
before=$(sqlite3 whole/store.db "SELECT group_concat(finished) FROM runs")
expect 0 "" "$EVENKEEL" "${study[@]}" --seeds 1..3 -o whole
[ "$before" = "$(sqlite3 whole/store.db "SELECT group_concat(finished) FROM runs")" ] ||
  fail "finished runs were repeated"
expect 0 "" "$EVENKEEL" "${study[@]}" --seeds 1..4 -o whole
[ "$(sqlite3 whole/store.db "SELECT count(*) FROM runs WHERE status = 'done'")" = 8 ] ||
  fail "seeds were not added"
expect 2 "learning_rate: 0.003 -> 0.001" "$EVENKEEL" "${study[@]}" --seeds 1..3 --learning-rate 1e-3 -o whole
# A store of an older version lacks options that came later: their default is no other value.
sqlite3 whole/store.db "DELETE FROM config WHERE key = 'precision'"
expect 0 "" "$EVENKEEL" "${study[@]}" --seeds 1..3 -o whole
expect 2 "precision: fp32 -> bf16" "$EVENKEEL" "${study[@]}" --seeds 1..3 --precision bf16 -o whole
reviews 62 >other.csv
expect 2 "data" "$EVENKEEL" study --model "$tiny" --train-file other.csv "${quick[@]}" -q --seeds 1 -o whole

# Numbers, verification, and a model made again.
"$EVENKEEL" metrics whole --name 'eval_*' --csv | grep -q '^1,devlin,devlin,1,.*eval_accuracy,' ||
  fail "metrics"
expect 0 "the same bits" "$EVENKEEL" verify whole
expect 0 "the same bits" "$EVENKEEL" verify whole --run stable/2 --threads 2
expect 0 "weights" "$EVENKEEL" train --run whole:best -o best -q
stored=$(sqlite3 whole/store.db "SELECT weights_hash FROM runs ORDER BY score DESC, id LIMIT 1")
[ "$(sqlite3 best/store.db "SELECT weights_hash FROM runs")" = "$stored" ] || fail "the best run's hash"
[ -s best/model.safetensors ] || fail "the best run's model"
sqlite3 whole/store.db "UPDATE runs SET weights_hash = 'x' WHERE id = 1"
expect 1 "differ" "$EVENKEEL" verify whole --run 1
expect 1 "nothing was kept" "$EVENKEEL" train --run whole:1 -o wrong -q
[ ! -e wrong/model.safetensors ] || fail "a wrong model was kept"

# A second process on the same folder is refused while the first is at work.
slow=("${study[@]}" --num-train-epochs 400 --eval-steps 0 --seeds 1..4)
"$EVENKEEL" "${slow[@]}" -o busy 2>busy.log &
first=$!
for _ in $(seq 100); do [ -s busy/store.lock ] && break; sleep 0.05; done
sleep 0.3
expect 2 "being written by another" "$EVENKEEL" "${slow[@]}" -o busy
# SIGTERM: exit code 75, nothing lost.
kill -TERM $first
wait $first
[ $? = 75 ] || fail "SIGTERM should end with 75"
grep -q "the same command continues" busy.log || fail "no word on how to continue: $(cat busy.log)"
# kill -9 of coordinator and, in the next try, of a worker.
"$EVENKEEL" "${slow[@]}" -o busy 2>/dev/null &
first=$!
sleep 1
kill -9 $first
wait $first 2>/dev/null
sleep 0.3
pgrep -P 1 -f "o busy" >/dev/null && fail "workers outlived their coordinator"
"$EVENKEEL" "${slow[@]}" -o busy 2>busy.log >/dev/null &
first=$!
for _ in $(seq 100); do pgrep -P $first >/dev/null && break; sleep 0.05; done
sleep 0.5
kill -9 "$(pgrep -P $first | head -n 1)"
wait $first
[ $? = 0 ] || fail "a study should survive the loss of one of two workers: $(cat busy.log)"
[ "$(sqlite3 busy/store.db "SELECT count(*) FROM runs WHERE status = 'done'")" = 8 ] ||
  fail "runs are missing after interruptions"
[ "$(sqlite3 busy/store.db "SELECT count(DISTINCT run_id) FROM predictions")" = 8 ] ||
  fail "predictions are missing"
expect 0 "" "$EVENKEEL" "${slow[@]}" -o straight
hashes() { sqlite3 "$1/store.db" "SELECT seed, group_id, weights_hash FROM runs ORDER BY 2, 1"; }
[ "$(hashes busy)" = "$(hashes straight)" ] || fail "interruption changed the weights"

# A diverging run is shown as such, with its non-finite numbers.
expect 0 "diverged" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --learning-rate 1e9 \
  --weight-decay 10 --max-grad-norm 0 --num-train-epochs 2 --logging-steps 1 --seeds 1..2 --max-seq-length 24 -q -o broken
"$EVENKEEL" metrics broken --csv | grep -Eq ',(nan|inf|-inf)$' || fail "non-finite metrics are hidden"
"$EVENKEEL" status broken --json | jq -e '.runs[0].outcome == "diverged" and .groups[0].n == 2' >/dev/null ||
  fail "diverged in --json"

# A study file, with a grid.
cat >grid.yaml <<EOF
study: grid
model: $tiny
train_file: reviews.csv
seeds: {init: 1..2, order: "1,2"}
recipes:
  short: {recipe: devlin, num_train_epochs: 1}
grid:
  learning_rate: [1e-3, 2e-3]
max_seq_length: 24
EOF
"$EVENKEEL" study grid.yaml -q --json |
  jq -e '(.groups | length) == 2 and (.runs | length) == 8 and .groups[1].group == "short learning_rate=2e-3"' \
    >/dev/null || fail "a study file with a grid"
expect 2 "grid varies" "$EVENKEEL" study grid.yaml --learning-rate 1
sed 's/max_seq_length/max_sequence_length/' grid.yaml >typo.yaml
expect 3 "line 9" "$EVENKEEL" study typo.yaml
finish
