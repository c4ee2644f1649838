#!/usr/bin/env bash
# probe surface and probe forgetting: their corners are other verbs' numbers bit for bit, weights are
# made again only once, an interrupted surface goes on, and what is refused.
. "$(dirname "$0")/tiny.sh.inc"
mlm=$EK_SOURCE_DIR/tests/golden/tiny_mlm

# One study that fails (a rate of 0.1) and learns (3e-3), of a model that has a masked-LM head.
reviews 64 >reviews.csv
cat >study.yaml <<'EOF'
study: both
seeds: 1..2
recipes:
  good: {recipe: devlin, learning_rate: 3e-3, num_train_epochs: 6}
  bad: {recipe: devlin, learning_rate: 1e-1, num_train_epochs: 6}
batch_size: 8
max_seq_length: 24
EOF
expect 0 "bad" "$EVENKEEL" study study.yaml --model "$mlm" --train-file reviews.csv -o s -q --json
ids() { "$EVENKEEL" status s --json | jq -r ".runs[] | select(.outcome == \"$1\") | .run" | head -n1; }
failed=$(ids failed) ok=$(ids ok)
[ -n "$failed" ] && [ -n "$ok" ] || fail "the study has no failed or no successful run"

# ---- surface ----
surface=(probe surface s --points 4 --range 1.25 --examples 20)
expect 0 "barrier between them" "$EVENKEEL" "${surface[@]}" --dump-examples examples.jsonl
[ -d "s/models/run-$failed" ] && [ -d "s/models/run-$ok" ] || fail "no kept models"
jq -e --argjson f "$failed" --argjson o "$ok" '.failed_run == $f and .ok_run == $o and
  .examples == 20 and (.grid | length) == 16 and (.line | length) == 41 and
  ([.corners[] | [.a, .b]] == [[0, 0], [1, 0], [0, 1]]) and
  .line[0].loss == .corners[1].loss and .line[40].loss == .corners[2].loss and
  .line[40].grad_norm == .corners[2].grad_norm and .barrier >= 0 and
  .grid[0][:2] == [-1.25, -1.25] and .grid[15][:2] == [1.25, 1.25]' s/probe/surface.json >/dev/null ||
  fail "surface.json: $(head -c 400 s/probe/surface.json)"
wc -l <examples.jsonl | grep -qx 20 || fail "--dump-examples"

# The corners are what eval says of the three models on these examples: the same doubles.
corner() { jq ".corners[$1].loss" s/probe/surface.json; }
eval_loss() {
  "$EVENKEEL" eval --model "$1" --input examples.jsonl --max-seq-length 24 --json -q | jq .loss
}
[ "$(corner 0)" = "$(eval_loss s/models/surface-pretrained)" ] || fail "(0,0) is not eval's loss"
[ "$(corner 1)" = "$(eval_loss "s/models/run-$failed")" ] || fail "(1,0) is not eval's loss"
[ "$(corner 2)" = "$(eval_loss "s/models/run-$ok")" ] || fail "(0,1) is not eval's loss"
[ "$(corner 1)" != "$(corner 2)" ] || fail "two models, one loss"

# Any number of workers finds the same; models are found where they were kept.
cp s/probe/surface.json first.json
before=$(stat -c %Y.%i "s/models/run-$ok/model.safetensors")
"$EVENKEEL" "${surface[@]}" --jobs 3 -q >/dev/null && cmp -s s/probe/surface.json first.json ||
  fail "the surface depends on --jobs or on the kept points"
rm s/probe/surface.points
"$EVENKEEL" "${surface[@]}" --jobs 1 -q >/dev/null && cmp -s s/probe/surface.json first.json ||
  fail "the surface depends on what was kept"
[ "$before" = "$(stat -c %Y.%i "s/models/run-$ok/model.safetensors")" ] ||
  fail "a kept model was made again"

# Kept points are used (one is changed by hand here), but only for the same surface and while whole.
sed -i '3s/ .* / 0x1p+3 /' s/probe/surface.points
printf '7 0x1p' >>s/probe/surface.points
"$EVENKEEL" "${surface[@]}" -q >/dev/null
jq -e '.corners[1].loss == 8 or .corners[0].loss == 8 or .corners[2].loss == 8 or
  any(.line[]; .loss == 8) or any(.grid[]; .[2] == 8)' s/probe/surface.json >/dev/null ||
  fail "the kept points were not used"
"$EVENKEEL" "${surface[@]}" --examples 21 -q >/dev/null
jq -e '([.line[].loss, .grid[][2]] | all(. != 8))' s/probe/surface.json >/dev/null ||
  fail "points of another surface were used"

# A kept model that was changed is made again.
printf 'x' | dd of="s/models/run-$ok/model.safetensors" bs=1 seek=9000 conv=notrunc 2>/dev/null
"$EVENKEEL" "${surface[@]}" -q >/dev/null && cmp -s s/probe/surface.json first.json ||
  fail "a damaged model was not made again"

# A name that would give the terminal orders does not reach it.
cp -r s hostile
sqlite3 hostile/store.db "UPDATE groups SET name = char(27) || '[31mbad' WHERE name = 'bad'"
"$EVENKEEL" "${surface[@]:0:2}" hostile "${surface[@]:3}" -q >hostile.txt || fail "a hostile name: $(cat hostile.txt)"
grep -q "bad, seed" hostile.txt && ! grep -q $'\e' hostile.txt || fail "control characters reach the terminal"
"$EVENKEEL" probe doomed hostile | grep -q $'\e' && fail "control characters reach the terminal (doomed)"

expect 0 "part,a,b,loss,grad_norm" "$EVENKEEL" "${surface[@]}" --csv -q
expect 2 "takes two runs" "$EVENKEEL" probe surface s --runs 1
expect 2 "a failed run and a successful one" "$EVENKEEL" probe surface s --runs "$ok,$failed"
expect 2 "no finished run 99" "$EVENKEEL" probe surface s --runs "$failed,99"
expect 2 "there is no probe 'surfaces'; did you mean surface" "$EVENKEEL" probe surfaces s
expect 2 "needs the folder" "$EVENKEEL" probe surface

# ---- gradients ----
# The study logged none: its runs are made again, and say what a study that logs them says.
"$EVENKEEL" study study.yaml --model "$mlm" --train-file reviews.csv --log-gradients -o logged -q >/dev/null
"$EVENKEEL" probe gradients s --csv -q >again.csv || fail "gradients of runs that did not log them"
"$EVENKEEL" probe gradients logged --csv -q >logged.csv || fail "gradients of runs that logged them"
cmp -s again.csv logged.csv && [ "$(wc -l <again.csv)" -gt 100 ] || fail "gradients differ"
[ ! -e logged/probe/gradients ] || fail "runs with gradients were made again"
# A layer's norm is the root of the squares of its tensors'; so is a group's.
"$EVENKEEL" metrics logged --name 'grad_norm/*encoder.layer.0.*' --csv >tensors.csv
awk -F, 'FILENAME == "tensors.csv" { if ($1 == 1 && $5 == 10) sum += $7 * $7; next }
  $1 == 1 && $5 == 10 && $6 == 0 && $7 == "all" { whole = $8 }
  $1 == 1 && $5 == 10 && $6 == 0 && $7 != "all" { parts += $8 * $8; n++ }
  END { exit !(n == 6 && whole > 0 && (sum / whole / whole - 1) ^ 2 < 1e-20 &&
               (parts / whole / whole - 1) ^ 2 < 1e-20) }' tensors.csv logged.csv ||
  fail "the norm of a layer is not that of its tensors"
expect 0 "medians over 2 failed and 2 successful runs" "$EVENKEEL" probe gradients s

# ---- forgetting ----
for i in $(seq 40); do echo "the price of oil is up and ship $i was a good ship for the bank"; done >text.txt
forget=(probe forgetting s --input text.txt)
expect 0 "perplexity of masked-language modelling" "$EVENKEEL" "${forget[@]}"
pretrained=$("$EVENKEEL" eval --model "$mlm" --task mlm --input text.txt --max-seq-length 24 --json |
  jq .perplexity)
jq -e --argjson p "$pretrained" '.pretrained_perplexity == $p and (.runs | length) == 4 and
  (.layers as $l | all(.runs[]; (.perplexity | length) == $l + 1 and .perplexity[$l] == $p and
  .perplexity[0] != $p))' s/probe/forgetting.json >/dev/null ||
  fail "forgetting.json: $(cat s/probe/forgetting.json) for $pretrained"
cp s/probe/forgetting.json forgetting.json
"$EVENKEEL" "${forget[@]}" --jobs 1 --runs "$ok" -q --json >one.json
jq -e --argjson ok "$ok" -s '(.[0].runs[] | select(.run == $ok)) == .[1].runs[0]' forgetting.json one.json \
  >/dev/null || fail "a run's perplexities depend on the others'"
expect 0 "run,group,seed,outcome,score,k,perplexity" "$EVENKEEL" "${forget[@]}" --csv -q
expect 2 "give --input" "$EVENKEEL" probe forgetting s
expect 1 "no-such" "$EVENKEEL" probe forgetting s --input no-such.txt
expect 4 "head of masked-language modelling" "$EVENKEEL" probe forgetting s --input text.txt --mlm-model "$tiny"
finish
