#!/usr/bin/env bash
# probe factor: the paper's numbers, the control as a recipe, the figure and its data.
. "$(dirname "$0")/tiny.sh.inc"

"$EVENKEEL" probe factor --json >out.json || fail "probe factor"
jq -e '.probe == "factor" and [.recipes[].recipe] == ["devlin", "stable"]
  and ([.recipes[].updates] | unique) == [468]
  and (.recipes[1] | .peak_update == 149 and .least_factor_update == 12
    and (.peak / .learning_rate - 0.282 | fabs) < 0.001
    and (.area / .area_without_correction - 0.3757 | fabs) < 0.0001
    and (.control.learning_rate - 7.5135e-06 | fabs) < 1e-10 and .control.bias_correction == false)
  and (.recipes[0] | .peak_update == 47 and .area == .area_without_correction)' out.json >/dev/null ||
  fail "numbers: $(cat out.json)"
expect 0 "0.376 of that without correction" "$EVENKEEL" probe factor --recipe stable
expect 0 "{recipe: stable, bias_correction: false, learning_rate: 7.5135e-06}" "$EVENKEEL" probe factor
expect 0 "lr_end:" "$EVENKEEL" probe factor --recipe stable --lr-scheduler polynomial
expect 0 "stable: 3120 updates" "$EVENKEEL" probe factor --train-examples 2490
expect 0 "with bias correction" "$EVENKEEL" probe factor --recipe devlin --bias-correction
[ "$("$EVENKEEL" probe factor --recipe hf --max-steps 50 --csv | wc -l)" = 51 ] || fail "--csv"

# The control's own run of the probe has the corrected recipe's sum.
"$EVENKEEL" probe factor --recipe stable --no-bias-correction --learning-rate 7.5135e-06 --json |
  jq -e "(.recipes[0].area / $(jq .recipes[1].area out.json) - 1 | fabs) < 1e-4" >/dev/null || fail "the control's sum"
# So has the study file's, which must name no other rate.
grep -q '^ *control:.*bias_correction: false.*learning_rate: 7.5135e-6' "$EK_SOURCE_DIR/studies/paper/bias-correction.yaml" ||
  fail "the control of studies/paper/bias-correction.yaml"
reviews 40 >x.csv
expect 0 "control" "$EVENKEEL" check "$EK_SOURCE_DIR/studies/paper/bias-correction.yaml" --model "$tiny" --task classification --train-file x.csv --max-seq-length 24

"$EVENKEEL" probe factor -o drawn >/dev/null || fail "-o"
[ -s drawn/adam_factor.tsv ] && [ -s drawn/adam_factor.gp ] || fail "no data, no script"
command -v gnuplot >/dev/null && { grep -q 'control of stable' drawn/adam_factor.svg || fail "no drawing"; }
expect 0 "gnuplot is not installed" env PATH=/nowhere "$EVENKEEL" probe factor -o bare
[ ! -e bare/adam_factor.svg ] || fail "a drawing without gnuplot"

expect 2 "did you mean factor" "$EVENKEEL" probe facto
expect 2 "unknown recipe 'stabel'" "$EVENKEEL" probe factor --recipe stabel
expect 2 "more than 8 recipes" "$EVENKEEL" probe factor --recipe hf,hf,hf,hf,hf,hf,hf,hf,hf
expect 2 "too many" "$EVENKEEL" probe factor --max-steps 20000000
finish
