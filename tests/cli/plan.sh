#!/usr/bin/env bash
# plan: how many seeds a comparison needs, from columns of numbers and from groups of a study.
. "$(dirname "$0")/tiny.sh.inc"

# scores TASK METHOD HIGHEST: a file with a column of scores and one of outcomes.
scores() {
  grep -A1 "^$1 $2 " "$EK_SOURCE_DIR/tests/golden/paper_scores.txt" | tail -n 1 | tr ' ' '\n' |
    awk -v failed="$3" 'BEGIN { print "score,outcome" } { print $1 "," ($1 <= failed ? "failed" : "ok") }' >"$1-$2.csv"
}
scores rte devlin 52.7 && scores rte ours 52.7

# 20 of 25 runs failed against none: with 5 runs Fisher's test finds it when 5 fail (p = 0.008) or 4
# do (p = 0.048), so in 0.8^5 + 5 0.8^4 0.2 = 73.7 % of pilots; with 10 almost always.
"$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --json >out.json || fail "plan on RTE"
jq -e '.a.n == 25 and .a.failed == 20 and .b.failed == 0 and .power == 0.8 and .warnings == []
  and (.questions | keys) == ["failed", "mean", "sd"]
  and ([.questions[].rows[].n] | unique) == [5, 10, 15, 25, 50, 100]
  and (.questions.failed.rows[0] | (.power - 0.73728 | fabs) < 4 * .se)
  and ([.questions[] | .rows[5].power] | min) > 0.99
  and .questions.failed.runs > 5 and .questions.failed.runs <= 10
  and ([.questions[] | .runs_power] | min) >= 0.8' out.json >/dev/null || fail "RTE: $(cat out.json)"
runs=$(jq .questions.failed.runs out.json)
expect 0 "80 %: $(jq .questions.sd.runs out.json) seeds a group for the spread, $(jq .questions.mean.runs out.json) for the level, $runs for failures" \
  "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv
expect 0 "pilot rte-devlin.csv: 25 runs, 20 failed" "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --target failed
expect 0 "the pilot's own effect" "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --target failed
"$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --json | cmp -s - out.json || fail "the same pilot, another answer"

# One question, another power: more runs, and only that question.
"$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --target failed --power 0.99 --json >more.json
jq -e ".questions | keys == [\"failed\"] and .failed.runs > $runs and .failed.runs_power >= 0.99" more.json >/dev/null ||
  fail "--target, --power: $(cat more.json)"
expect 0 "99 %: $(jq .questions.failed.runs more.json) seeds a group for failures" \
  "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --target failed --power 0.99
expect 2 "did you mean sd" "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --target sdd
expect 2 "from 0.05 to 0.999" "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv --power 1
expect 2 "found 3 arguments" "$EVENKEEL" plan --csv rte-devlin.csv rte-ours.csv rte-ours.csv

# What a pilot cannot tell is said and not a 0.
printf '%s\n' 0.70 0.71 0.72 0.73 0.74 >a.csv
printf '%s\n' 0.72 0.73 0.74 0.75 0.76 >b.csv
"$EVENKEEL" plan --csv a.csv b.csv --json >out.json
jq -e '.questions.failed | .answered == false and .runs == null and .runs_power == null and .rows == []' out.json >/dev/null ||
  fail "no failures: $(cat out.json)"
jq -e '.questions.sd | .answered and .runs == null and .runs_power < 0.1' out.json >/dev/null ||
  fail "equal spreads: $(cat out.json)"
expect 0 "no run of either group failed" "$EVENKEEL" plan --csv a.csv b.csv --target failed
expect 0 "few runs (a.csv 5, b.csv 5)" "$EVENKEEL" plan --csv a.csv b.csv --target failed
expect 0 "more than 500 seeds a group for the spread" "$EVENKEEL" plan --csv a.csv b.csv --target sd
printf '%s\n' 1 1 1 >flat.csv
printf 'score\n1\n' >one.csv
expect 0 "all scores are the same" "$EVENKEEL" plan --csv flat.csv flat.csv
expect 0 "one.csv has 1 finished run: a pilot needs 2 or more" "$EVENKEEL" plan --csv one.csv b.csv

# One group: 1.96 SD / sqrt(n).
"$EVENKEEL" plan --csv a.csv --json >out.json
jq -e '(has("b") | not) and (has("questions") | not) and (.rows | length) == 6
  and (.rows[3] | .n == 25 and (.mean_half_width - 1.959964 * 0.0158113883 / 5 | fabs) < 1e-8 and .sd_half_width > 0)' \
  out.json >/dev/null || fail "one column: $(cat out.json)"

# Groups of a study: the numbers of status.
reviews 60 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe devlin,stable "${quick[@]}" --seeds 1..3 -q)
expect 0 "stable" "$EVENKEEL" "${study[@]}" -o s
"$EVENKEEL" plan s --json >out.json
[ "$(jq -c '[.a, .b | .group, .n, .failed, .mean, .sd]' out.json)" = \
  "$("$EVENKEEL" status s --json | jq -c '[.groups[] | .group, .n, .failed, .mean, .sd]')" ] ||
  fail "plan and status differ: $(cat out.json)"
expect 0 "pilot stable: 3 runs" "$EVENKEEL" plan s stable devlin --target failed
expect 0 "95 % intervals to expect" "$EVENKEEL" plan s stable
expect 2 "it has devlin, stable" "$EVENKEEL" plan s devlin nobody
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv "${quick[@]}" --seeds 1..2 -o one -q
expect 0 "95 % intervals to expect" "$EVENKEEL" plan one
finish
