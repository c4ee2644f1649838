#!/usr/bin/env bash
# explain: runs that really collapse at a far too high rate, beside a group that learns; old stores.
. "$(dirname "$0")/tiny.sh.inc"

reviews 60 >reviews.csv
cat >rates.yaml <<EOF
study: rates
model: $tiny
train_file: reviews.csv
seeds: 1..5
recipes:
  good: {recipe: devlin, learning_rate: 3e-3}
  high: {recipe: devlin, learning_rate: 1}
num_train_epochs: 6
batch_size: 8
max_seq_length: 24
logging_steps: 1
log_gradients: true
EOF
expect 0 "high" "$EVENKEEL" study rates.yaml -q -o s
# What follows needs what is always so: at rate 1 no run learns, at 3e-3 all do.
"$EVENKEEL" status s --json | jq -e '[.groups[].failed] == [0, 5]' >/dev/null || fail "the study is not what it should be"
sum=$(sha256sum s/store.db)

"$EVENKEEL" explain s >out.txt || fail "explain"
[ "$(grep -c '^ run ' out.txt)" = 5 ] || fail "five runs failed: $(cat out.txt)"
awk 'length > 80' out.txt | grep -q . && fail "wider than 80 columns: $(awk 'length > 80' out.txt)"
tr '\n' ' ' <out.txt | tr -s ' ' >line.txt
has() { grep -qF -- "$1" line.txt || fail "no '$1' in: $(cat out.txt)"; }
has "high: 5 of 5 runs failed"
has "good: 0 of 5 runs failed"
# 5 of 5 against 0 of 5: p = 2 / C(10, 5)
has "Train as good does: 0 of 5 runs failed there, 5 of 5 here (Fisher p 0.008)."
has "It differs in learning_rate"
has "smallest change: --learning-rate"
has "(100 % of 12 examples"
has "(a constant answer has 0.693"

"$EVENKEEL" explain s --json >out.json || fail "explain --json"
jq -e '(.runs | length) == 5 and ([.runs[].group] | unique) == ["high"]
  and ([.runs[] | select(.evidence.answers.constant and .evidence.loss.flat)] | length) == 5
  and ([.runs[].cause] | all(. == "loss_blew_up" or . == "never_learned_vanishing"))
  and (.summary.groups[1].advice.options | startswith("--learning-rate "))
  and .summary.groups[1].advice.from_another_group and .summary.advised_group == "high"
  and .summary.failed == 5 and .summary.n == 10 and .summary.findings.constant_answers.failed == 5' out.json >/dev/null ||
  fail "explain --json: $(cat out.json)"
# The numbers are those of the store.
for run in $(jq '.runs[].run' out.json); do
  stored=$(sqlite3 s/store.db "SELECT printf('%.9g', max(value)) FROM metrics WHERE run_id = $run AND name = 'grad_norm'")
  found=$(jq -r ".runs[] | select(.run == $run) | .evidence.clipping.largest" out.json)
  [ "$stored" = "$(printf '%.9g' "$found")" ] || fail "largest norm of run $run: $found, stored $stored"
  stored=$(sqlite3 s/store.db "SELECT count(DISTINCT label) FROM predictions WHERE run_id = $run")
  [ "$stored" = "$(jq ".runs[] | select(.run == $run) | .evidence.answers.classes" out.json)" ] || fail "classes of run $run"
done

# Chosen runs, failed or not; unknown ones are refused with those there are.
ok=$(sqlite3 s/store.db "SELECT min(id) FROM runs WHERE outcome = 'ok'")
bad=$(sqlite3 s/store.db "SELECT min(id) FROM runs WHERE outcome != 'ok'")
"$EVENKEEL" explain s --runs "$ok,$bad" --json | jq -e "[.runs[].run] == ([$ok, $bad] | sort)
  and (.runs[] | select(.run == $ok) | .cause == null and .outcome == \"ok\")" >/dev/null || fail "--runs"
expect 0 "did not fail" "$EVENKEEL" explain s --runs "$ok"
expect 2 "no run 99; it has 1..10" "$EVENKEEL" explain s --runs "$bad,99"
expect 2 "" "$EVENKEEL" explain s --runs x
expect 2 "usage" "$EVENKEEL" explain
expect 3 "no store.db" "$EVENKEEL" explain .
[ "$sum" = "$(sha256sum s/store.db)" ] || fail "explain changed the store"

# Without other runs, and without all that older stores lack.
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --recipe devlin --learning-rate 1 --num-train-epochs 6 \
  --batch-size 8 --max-seq-length 24 --logging-steps 1 --seeds 1..3 -q -o alone
"$EVENKEEL" explain alone | tr -s ' \n' ' ' | grep -q "were not logged; 'evenkeel probe gradients' makes" || fail "no word on gradients"
"$EVENKEEL" explain alone --json | jq -e '[.runs[].evidence.gradients] == [null, null, null]' >/dev/null || fail "gradients"
# Made again for their gradients, the runs are explained with them.
expect 0 "" "$EVENKEEL" probe gradients alone --runs 1,2 -q
"$EVENKEEL" explain alone --json | jq -e '[.runs[].evidence.gradients != null] == [true, true, false]
  and .runs[0].evidence.gradients.layers[1].first > 0' >/dev/null || fail "gradients made again"
rm -r alone/probe
expect 0 "smallest change: --learning-rate 0.5" "$EVENKEEL" explain alone
sqlite3 alone/store.db "DELETE FROM metrics; DELETE FROM predictions; DELETE FROM config WHERE key != 'model'"
expect 0 "not clear" "$EVENKEEL" explain alone
expect 0 "The training loss was not logged." "$EVENKEEL" explain alone
"$EVENKEEL" explain alone --json | jq -e '[.runs[].cause] == ["not_clear", "not_clear", "not_clear"]
  and .runs[0].evidence.loss.last == null and .runs[0].evidence.gradients == null' >/dev/null || fail "a bare store"

# Diverged, with norms below 1 before it: clipping would have changed nothing. And a study in which nothing failed.
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --learning-rate 1e9 --weight-decay 10 --max-grad-norm 0 \
  --num-train-epochs 2 --logging-steps 1 --log-gradients --seeds 1..2 --max-seq-length 24 -q -o broken
"$EVENKEEL" explain broken --json | jq -e '[.runs[].cause] == ["diverged_nonfinite", "diverged_nonfinite"]
  and .runs[0].evidence.nonfinite.step >= 0 and .summary.groups[0].advice.options == "--learning-rate 500000000"' >/dev/null ||
  fail "diverged: $("$EVENKEEL" explain broken)"
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv "${quick[@]}" --num-train-epochs 6 --seeds 1..2 -q -o fine
expect 0 "None of the 2 finished runs failed" "$EVENKEEL" explain fine

# The report says it too; and nothing of it where nothing failed.
expect 0 "index.html" "$EVENKEEL" report s -q
grep -q 'id="why"' s/report/index.html && grep -q "high: 5 of 5 runs failed" s/report/index.html &&
  grep -q "5 failed runs, one by one" s/report/index.html || fail "the page does not say why runs failed"
expect 0 "index.html" "$EVENKEEL" report fine -q
grep -q 'id="why"' fine/report/index.html && fail "a page explains failures that there are not"
finish
