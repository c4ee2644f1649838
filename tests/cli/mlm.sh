#!/usr/bin/env bash
# Masked-language modelling from eval over train to the kept model; and what is refused.
. "$(dirname "$0")/tiny.sh.inc"
mlm=$EK_SOURCE_DIR/tests/golden/tiny_mlm

text() { # text FIRST LAST: lines of running text, with blank ones between
  local i
  for i in $(seq "$1" "$2"); do
    printf 'the price of oil is up and the price of wheat is down by %s .\n\n' "$i"
    printf 'ship %s was a good ship for the bank and more trade .\n' "$i"
  done
}
text 1 60 >train.txt
text 61 80 >held.txt
small=(--task mlm --max-seq-length 24)
eval_json() { "$EVENKEEL" eval "${small[@]}" --json -q "$@"; }

# The same masks for every model, others for another seed.
eval_json --model "$mlm" --input held.txt --dump-masks masks.jsonl >before.json
jq -e '.blocks > 10 and .masked_tokens > 40 and .mask_seed == 1 and
  (.perplexity / (.loss | exp) - 1 | fabs) < 1e-12' before.json >/dev/null ||
  fail "eval: $(cat before.json)"
jq -es --argjson found "$(cat before.json)" 'length == $found.blocks and
  all((.input_ids | length) == (.labels | length)) and
  all(.input_ids[0] == 2 and .input_ids[-1] == 3 and .labels[0] == -100 and .labels[-1] == -100) and
  (map(.input_ids | length) | max == 24 and add == $found.tokens) and
  ([.[].labels[] | select(. != -100)] | length) == $found.masked_tokens' masks.jsonl >/dev/null ||
  fail "the masks that were written"
eval_json --model "$mlm" --input held.txt --batch-size 3 --threads 2 | cmp -s - before.json ||
  fail "the loss depends on batch size or threads"
eval_json --model "$mlm" --input held.txt --mask-seed 2 --dump-masks others.jsonl >/dev/null
cmp -s masks.jsonl others.jsonl && fail "another mask seed, the same masks"
eval_json --model "$mlm" --input - <held.txt | cmp -s - before.json || fail "standard input"

# Blocks are the text, one token after another, whatever the lines: joined lines give the same.
tr '\n' ' ' <held.txt >joined.txt
eval_json --model "$mlm" --input joined.txt | cmp -s - before.json || fail "lines change the blocks"

# Training: perplexity falls, masks are fresh in every epoch, the model is complete.
run=(train "${small[@]}" --model "$mlm" --train-file train.txt --validation-file held.txt
  --recipe hf --learning-rate 5e-3 --num-train-epochs 4 --batch-size 8)
expect 0 "masked-language modelling" "$EVENKEEL" check "${small[@]}" --model "$mlm" --train-file train.txt
"$EVENKEEL" "${run[@]}" -o kept -q --json >trained.json || fail "train"
jq -e '.metric == "perplexity" and .outcome == "ok" and .baseline == 96' trained.json >/dev/null ||
  fail "train --json: $(cat trained.json)"
jq -e '.architectures == ["BertForMaskedLM"] and (has("id2label") | not)' kept/config.json >/dev/null ||
  fail "kept/config.json"
eval_json --model kept --input held.txt --dump-masks kept.jsonl >after.json
cmp -s masks.jsonl kept.jsonl || fail "another model, other masks"
jq -es '.[1].perplexity < .[0].perplexity / 2' before.json after.json >/dev/null ||
  fail "training did not help: $(cat before.json after.json)"
jq -es '.[0].loss == .[1].loss' trained.json after.json >/dev/null ||
  fail "the last evaluation of training is not that of the kept model"
"$EVENKEEL" metrics kept --name 'eval_*' --csv | grep -c eval_perplexity | grep -qx 4 ||
  fail "eval_perplexity is not logged after every epoch"
expect 0 "same bits" "$EVENKEEL" verify kept
expect 2 "evenkeel metrics" "$EVENKEEL" status kept
reviews 40 >reviews.csv # a kept model can be fine-tuned
expect 0 "outcome" "$EVENKEEL" train --model kept --train-file reviews.csv --max-steps 1 \
  --max-seq-length 24 -q
expect 0 "the last" "$EVENKEEL" check "${small[@]}" --model "$mlm" --train-file train.txt

# A window of accumulation is one batch: the same gradient, up to the order of its sums.
one=$("$EVENKEEL" "${run[@]}" --max-steps 5 --dropout 0 -q --json | jq .loss)
two=$("$EVENKEEL" "${run[@]}" --max-steps 5 --dropout 0 --batch-size 4 \
  --gradient-accumulation-steps 2 -q --json | jq .loss)
jq -n "($one - $two | fabs) < 1e-5" | grep -qx true || fail "accumulation: $one and $two"

expect 4 "cls.predictions" "$EVENKEEL" eval "${small[@]}" --model "$tiny" --input held.txt
expect 2 "does not know --task mlm" "$EVENKEEL" study "${small[@]}" --model "$mlm" --train-file train.txt
expect 2 "plain text" "$EVENKEEL" train "${small[@]}" --model "$mlm" --data .
expect 2 "not --data" "$EVENKEEL" eval "${small[@]}" --model "$mlm" --data . --input held.txt
expect 2 "needs --task mlm" "$EVENKEEL" eval --model kept --input held.txt --dump-masks m.jsonl
expect 2 "no text" "$EVENKEEL" eval "${small[@]}" --model "$mlm"
printf ' \n\n' >blank.txt
expect 3 "no text in it" "$EVENKEEL" eval "${small[@]}" --model "$mlm" --input blank.txt
printf 'a\xff\n' >latin.txt
expect 3 "not valid UTF-8" "$EVENKEEL" eval "${small[@]}" --model "$mlm" --input latin.txt
: >empty.txt
expect 3 "no text in it" "$EVENKEEL" eval "${small[@]}" --model "$mlm" --input empty.txt
mkdir untied && cp "$mlm"/* untied &&
  jq '.tie_word_embeddings = false' "$mlm/config.json" >untied/config.json
expect 4 "tie_word_embeddings" "$EVENKEEL" eval "${small[@]}" --model untied --input held.txt
finish
