#!/usr/bin/env bash
# The card beside a kept model: its front matter parses, its numbers are those of the study, its
# command makes the same weights.
#
# EK_ORACLE_PYTHON: a python3 with yaml and huggingface_hub; those parts are skipped (and said) without.
. "$(dirname "$0")/tiny.sh.inc"
command -v jq >/dev/null || exit 77

reviews 60 >"rev: \"iews\".csv"
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file "$scratch/rev: \"iews\".csv" --recipe devlin,stable \
  --learning-rate 1e-3 --num-train-epochs 1 --batch-size 8 --max-seq-length 24 --seeds 1..4 -q -o s
expect 0 "" "$EVENKEEL" train --run s:stable/2 -o kept -q
card=kept/README.md
"$EVENKEEL" status s --json >status.json
has() { grep -qF -- "$1" "$card" || fail "no '$1' in $card: $(head -n 40 "$card")"; }
percent() { LC_ALL=C printf '%.1f' "$(jq "100 * ($1)" status.json)"; }
group='.groups[] | select(.group == "stable") |'
mean=$(percent "$group .mean") sd=$(percent "$group .sd")
has "value: \"$mean ± $sd\""
has "mean $mean % [$(percent "$group .mean_low"), $(percent "$group .mean_high")]"
has "failed runs $(jq -r "$group \"\\(.failed)/\\(.n)\"" status.json)"
has "value: \"$(percent '.runs[] | select(.group == "stable" and .seed == 2) | .score')\""
has "$(jq -r '.runs[] | select(.group == "stable" and .seed == 2) | .weights_hash' status.json)"
has 'name: "rev: \"iews\".csv"'
grep -qF "$scratch" "$card" && fail "the card names a folder"

# Its command, with the folder of the model: the same weights.
ln -s "$tiny" tiny_bert
line=$(grep '^evenkeel train --model' "$card")
eval "\"\$EVENKEEL\" ${line#evenkeel } -q" >/dev/null || fail "the card's command: $line"
[ "$(sqlite3 OUT/store.db 'SELECT weights_hash FROM runs')" = "$(sqlite3 kept/store.db 'SELECT weights_hash FROM runs')" ] ||
  fail "the card's command makes other weights"
card=OUT/README.md
has "one seed: no spread is known"
grep -q '±' "$card" && fail "a spread of one seed"

# Somebody's README is theirs.
mkdir mine && echo mine >mine/README.md
expect 2 "mine/README.md already exists" "$EVENKEEL" train --run s:1 -o mine -q
[ "$(cat mine/README.md)" = mine ] || fail "a README was overwritten"
expect 0 "" "$EVENKEEL" train --run s:1 -o mine -q --force

oracle=${EK_ORACLE_PYTHON:-python3}
if "$oracle" -c 'import yaml' 2>/dev/null; then
  "$oracle" - "$mean ± $sd" <<'EOF' || fail "the front matter"
import sys, yaml
text = open("kept/README.md", encoding="utf-8").read()
front = yaml.safe_load(text.split("---\n")[1])
result = front["model-index"][0]["results"][0]
assert result["dataset"]["name"] == 'rev: "iews".csv'
assert result["metrics"][0]["value"] == sys.argv[1] and "percent" in result["metrics"][0]["name"]
assert "base_model" not in front
EOF
else
  echo "skipped: python's yaml is not installed (EK_ORACLE_PYTHON)"
fi
if "$oracle" -c 'import huggingface_hub' 2>/dev/null; then
  "$oracle" - "$mean ± $sd" <<'EOF' || fail "huggingface_hub reads another card"
import sys
from huggingface_hub import ModelCard
data = ModelCard.load("kept/README.md").data
assert data.library_name == "transformers" and data.pipeline_tag == "text-classification"
assert data.eval_results[0].metric_value == sys.argv[1] and data.eval_results[0].metric_type == "accuracy"
EOF
else
  echo "skipped: huggingface_hub is not installed (EK_ORACLE_PYTHON)"
fi
finish
