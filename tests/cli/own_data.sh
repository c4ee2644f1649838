#!/usr/bin/env bash
# Own files from check to predict: single, pair, several classes, scores; and every kind of bad input.
. "$(dirname "$0")/tiny.sh.inc"

reviews 60 >reviews.csv
expect 0 "drawn from the training file" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file reviews.csv
"$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file reviews.csv --json -q |
  jq -e '.validation_examples == 12 and .labels[1].name == "pos" and .baseline == 0.5' >/dev/null ||
  fail "check --json"

expect 0 "outcome" "$EVENKEEL" train --model "$tiny" --train-file reviews.csv "${quick[@]}" -o kept -q
for file in config.json model.safetensors vocab.txt store.db; do
  [ -s kept/$file ] || fail "kept/$file is missing"
done
expect 2 "already exists" "$EVENKEEL" train --model "$tiny" --train-file reviews.csv "${quick[@]}" -o kept
expect 0 "outcome" "$EVENKEEL" train --model "$tiny" --train-file reviews.csv "${quick[@]}" -o kept -q -f
"$EVENKEEL" eval --model kept --max-seq-length 24 --input reviews.csv --json |
  jq -e '.n == 60 and .metrics.accuracy > 0.9' >/dev/null || fail "eval of a kept model"
cut -d, -f1 reviews.csv >texts.csv
"$EVENKEEL" predict --model kept --max-seq-length 24 --input texts.csv |
  jq -es 'length == 60 and (.[1].label == "pos") and (.[0].probs | add > 0.999)' >/dev/null ||
  fail "predict in input order"
expect 4 "pre-trained" "$EVENKEEL" predict --model "$tiny" --max-seq-length 24 --input texts.csv

{ echo "sentence1	sentence2	label"; for i in $(seq 40); do
    echo "the price of oil $i	oil is up	$((i % 3))"; done; } >pairs.tsv
expect 0 "2: 2" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file pairs.tsv
for i in $(seq 40); do echo "{\"text\": \"rate $i\", \"score\": $i.5}"; done >scores.jsonl
expect 0 "pearson" "$EVENKEEL" train --model "$tiny" --train-file scores.jsonl "${quick[@]}" -q

bad() { # bad FILE TEXT: check must refuse FILE with exit code 3, naming it and TEXT
  expect 3 "$1" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file "$1"
  expect 3 "$2" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file "$1"
}
: >empty.csv; bad empty.csv "is empty"
echo "text,label" >header.csv; bad header.csv "no rows"
printf 'text,label\na,b\nc\n' >ragged.csv; bad ragged.csv "line 3"
printf 'text,label\n"a,b\n' >open.csv; bad open.csv "never closed"
printf 'text,label\na"b,c\n' >stray.csv; bad stray.csv "line 2"
printf 'text,label\na,b\nc,\xff\n' >latin.csv; bad latin.csv "line 3, byte 3"
printf 'what,label\na,b\n' >columns.csv; bad columns.csv "--text-column"
{ echo "text,label"; for i in $(seq 9); do echo "film $i,same"; done; } >one.csv; bad one.csv "one class"
{ echo "text,score"; echo "a,1.5"; echo "b,nan"; echo "c,2.5"; } >nan.csv
expect 3 "line 3" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file nan.csv --task regression
printf 'text,label,label\na,b,c\n' >twice.csv; bad twice.csv "twice"
printf '{"text": "a", "label": 1}\n{"text": \n' >broken.jsonl; bad broken.jsonl "line 2"
printf 'a\n' >file.xyz; bad file.xyz ".csv"
expect 3 "there is no column 'txt'; did you mean 'text'" \
  "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file reviews.csv --text-column txt
{ echo "text,label"; echo "a good film,great"; } >unseen.csv
expect 3 "label \"great\" is not known" \
  "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file reviews.csv --validation-file unseen.csv
expect 3 "missing.csv" "$EVENKEEL" check --model "$tiny" --max-seq-length 24 --train-file missing.csv
finish
