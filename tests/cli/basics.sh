#!/usr/bin/env bash
# Help of every verb, exit codes, and messages of a mistyped command line.
. "$(dirname "$0")/tiny.sh.inc"

expect 0 "Verbs:" "$EVENKEEL" --help
expect 0 "evenkeel " "$EVENKEEL" --version
for verb in check train study status metrics explain eval predict verify bench tokenize info help man completions; do
  expect 0 "Examples:" "$EVENKEEL" $verb --help
done
expect 2 "Verbs:" "$EVENKEEL"
expect 2 "did you mean 'study'" "$EVENKEEL" studdy
expect 2 "did you mean" "$EVENKEEL" study --lerning-rate 1
expect 2 "does not take --learning-rate" "$EVENKEEL" tokenize --learning-rate 1
expect 2 "needs a value" "$EVENKEEL" study --model
expect 2 "no model" "$EVENKEEL" study
expect 2 "no data" "$EVENKEEL" check --model "$tiny"
expect 2 "unknown recipe 'stabel'" "$EVENKEEL" check --model "$tiny" --train-file x.csv --recipe stabel
expect 2 "" "$EVENKEEL" check --model "$tiny" --learning-rate fast
for wrong in 0 -1 two 2000; do
  expect 2 "--jobs" "$EVENKEEL" study --model "$tiny" --train-file x.csv --jobs $wrong
  expect 2 "--threads" "$EVENKEEL" study --model "$tiny" --train-file x.csv --threads $wrong
  expect 2 "--threads" "$EVENKEEL" train --model "$tiny" --train-file x.csv --threads=$wrong
done
expect 2 "--jobs" "$EVENKEEL" study --model "$tiny" --train-file x.csv -j 0
expect 4 "config.json" "$EVENKEEL" info .
expect 4 "no such folder" "$EVENKEEL" info nowhere
expect 3 "no store.db" "$EVENKEEL" status .
expect 0 ".TH EVENKEEL" "$EVENKEEL" man
expect 0 "complete" "$EVENKEEL" completions bash
expect 2 "bash, zsh, fish" "$EVENKEEL" completions tcsh
expect 0 "--num-train-epochs" "$EVENKEEL" train --help
expect 0 "missing" "$EVENKEEL" info "$tiny"
reviews 20 >x.csv
EK_ISA=vax expect 2 "EK_ISA" "$EVENKEEL" train --model "$tiny" --train-file x.csv "${quick[@]}"
"$EVENKEEL" info "$tiny" --json | jq -e '.missing == 2 and .hidden_size == 24' >/dev/null ||
  fail "info --json"
echo '{"text": "the film was good", "text_pair": "a bad plot"}' |
  "$EVENKEEL" tokenize --model "$tiny" |
  jq -e '(.input_ids | length) == (.token_type_ids | length) and .input_ids[0] == 2' >/dev/null ||
  fail "tokenize"
# A key that a line lacks is an empty field, not an error.
printf '{"text":"c"}\n{"text":"a","text_pair":"b"}\n' | "$EVENKEEL" tokenize --model "$tiny" |
  jq -se '(map(.token_type_ids | max)) == [0, 1]' >/dev/null || fail "tokenize with and without pairs"
finish
