#!/usr/bin/env bash
# bench: what it prints can be read by scripts, its numbers are possible, its errors say what to do.
. "$(dirname "$0")/tiny.sh.inc"

reviews 60 >reviews.csv
expect 2 "there are: machine, gemm, kernels, steps" "$EVENKEEL" bench --section speed
expect 2 "there are: bert-tiny, minilm, bert-base, bert-large" "$EVENKEEL" bench --shape bert
expect 2 "steps" "$EVENKEEL" bench --steps 0

# The user's own run: peaks, steps in both precisions, the tokeniser.
own=(bench --model "$tiny" --train-file reviews.csv --steps 4 --threads 2 "${quick[@]}" -q)
"$EVENKEEL" "${own[@]}" --json >own.json || fail "bench of an own run"
jq -e '[.rows[] | select(.section == "machine" and .name == "peak") | .value > 0.1] | length == 4 and all' \
  own.json >/dev/null || fail "peaks: $(cat own.json)"
jq -e '[.rows[] | select(.name == "step") | .value > 0 and .share > 0 and .share < 1] | length == 4 and all' \
  own.json >/dev/null || fail "steps: $(jq -c '.rows[] | select(.name == "step")' own.json)"
jq -e '([.rows[] | select(.section == "tokens") | .value > 0] | length == 2 and all)' own.json >/dev/null ||
  fail "tokens"
# What the operations take is no more than the steps take.
jq -e '[.rows[] | select(.name == "between the operations") | .value >= 0] | all' own.json >/dev/null ||
  fail "operations take longer than their steps"
"$EVENKEEL" "${own[@]}" --csv | awk -F, 'NR == 1 { n = NF } NF < n { bad = 1 } END { exit bad || NR < 20 }' ||
  fail "bench --csv"
expect 0 "a training step" "$EVENKEEL" "${own[@]}"
finish
