#!/usr/bin/env bash
# A study exported in every format, and read back.
#
# EK_ORACLE_PYTHON: a python3 with tensorboard and mlflow; those parts are skipped (and said) without.
. "$(dirname "$0")/tiny.sh.inc"
command -v python3 >/dev/null && command -v jq >/dev/null || exit 77
here=$EK_SOURCE_DIR/tests/cli

reviews 60 >reviews.csv
cat >odd.yaml <<EOF
study: odd
model: $tiny
train_file: reviews.csv
seeds: 1..3
max_seq_length: 24
num_train_epochs: 2
logging_steps: 2
log_gradients: true
recipes:
  "a/b, \"c\"": {recipe: devlin, learning_rate: 3e-3}
  "a/b; 'c'": {recipe: stable, learning_rate: 3e-3}
EOF
expect 0 "" "$EVENKEEL" study odd.yaml -q -o odd
"$EVENKEEL" metrics odd --csv >metrics.csv

expect 2 "did you mean 'tensorboard'" "$EVENKEEL" export tensorbord odd -o x
expect 2 "tensorboard, csv, jsonl, mlflow" "$EVENKEEL" export parquet odd -o x
expect 2 "-o OUT" "$EVENKEEL" export csv odd
[ ! -e x ] || fail "a refused export left a folder"
mkdir full && touch full/mine
expect 2 "full is not empty" "$EVENKEEL" export csv odd -o full
expect 0 "" "$EVENKEEL" export csv odd -o full --force -q
[ -e full/mine ] || fail "--force removed a file"
expect 2 "metrics.csv is a file" "$EVENKEEL" export csv odd -o metrics.csv
expect 3 "nowhere" "$EVENKEEL" export csv nowhere -o x

# CSV: the same metrics, every run and prediction.
cmp -s full/metrics.csv metrics.csv || fail "metrics.csv differs from 'metrics --csv'"
"$EVENKEEL" status odd --csv | cmp -s - full/groups.csv || fail "groups.csv differs from 'status --csv'"
"$EVENKEEL" status odd --json >status.json
python3 - <<'EOF' || fail "csv"
import csv, json
status = json.load(open("status.json"))
runs = list(csv.DictReader(open("full/runs.csv", newline="")))
assert [r["weights_hash"] for r in runs] == [r["weights_hash"] for r in status["runs"]]
assert [float(r["score"]) for r in runs] == [r["score"] for r in status["runs"]]
assert [r["group"] for r in runs] == [r["group"] for r in status["runs"]]
assert all(None not in r and float(r["settings.learning_rate"]) == 3e-3 for r in runs)
right = {}
for p in csv.DictReader(open("full/predictions.csv", newline="")):
    probs = [float(p["prob_0"]), float(p["prob_1"])]
    assert abs(sum(probs) - 1) < 1e-6 and probs[int(p["label"])] == max(probs)
    right.setdefault(p["run"], []).append(p["label"] == p["truth"])
for r in status["runs"]:
    own = right[str(r["run"])]
    assert abs(sum(own) / len(own) - r["score"]) < 1e-12
EOF

# JSON Lines hold what --json holds.
expect 0 "" "$EVENKEEL" export jsonl odd -o lines -q
jq -e -s --slurpfile status status.json '(map(.schema) | unique) == [1] and length == 6 and
  map(.score) == ($status[0].runs | map(.score)) and .[0].settings.learning_rate == 0.003 and .[1].seeds.init == 1' \
  lines/runs.jsonl >/dev/null || fail "runs.jsonl"
jq -e -s --slurpfile status status.json 'map(.mean) == ($status[0].groups | map(.mean)) and .[0].schema == 1' \
  lines/groups.jsonl >/dev/null || fail "groups.jsonl"
[ "$(wc -l <lines/metrics.jsonl)" = "$(($(wc -l <metrics.csv) - 1))" ] || fail "metrics.jsonl"
expect 0 "seed 3: group a/b" python3 "$EK_SOURCE_DIR/scripts/wandb_import.py" lines --dry-run
expect 1 "evenkeel export jsonl" python3 "$EK_SOURCE_DIR/scripts/wandb_import.py" nowhere --dry-run

# TensorBoard: the same bytes each time; every value; two groups whose names look alike.
expect 0 "" "$EVENKEEL" export tensorboard odd -o board -q
expect 0 "" "$EVENKEEL" export tensorboard odd -o board2 -q
diff -r board board2 >/dev/null || fail "two exports of one study differ"
python3 "$here/read_events.py" board >events.tsv || fail "event files: $(tail -n 1 events.tsv)"
cat >compare.py <<'EOF'
import csv, math, statistics, struct, sys
single = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
logged, groups = {}, []
for m in csv.DictReader(open("metrics.csv", newline="")):
    if m["group"] not in groups:
        groups.append(m["group"])
    logged[m["group"], int(m["seed"]), m["name"], int(m["step"])] = float(m["value"])
folder = dict(zip(groups, ["a_b___c_", "a_b___c_~2"]))
seen = {}
for line in open("events.tsv"):
    run, tag, step, value = line.rstrip("\n").split("\t")
    seen[run, tag, int(step)] = float(value)
wanted = {(f"{folder[g]}/seed-{s}", n, i): single(v) for (g, s, n, i), v in logged.items()}
for g, s, n, i in logged:
    values = [logged.get((g, t, n, i)) for t in (1, 2, 3)]
    if s == 1 and None not in values:
        for part, of in (("mean", statistics.fmean), ("min", min), ("max", max), ("sd", statistics.stdev)):
            wanted[f"{folder[g]}/summary", f"{n}/{part}", i] = of(values)
assert set(seen) == set(wanted), sorted(set(seen) ^ set(wanted))[:5]
for key, value in wanted.items():
    # single precision, and sums in another order: for SD relative to the values' own rounding
    assert math.isclose(seen[key], value, rel_tol=1e-5, abs_tol=1e-9), (key, seen[key], value)
assert any("/summary" in k[0] for k in seen) and len(seen) > 100
EOF
python3 compare.py || fail "scalars differ from the metrics"
# The reader can fail: one flipped bit.
file=$(find board2 -name '*tfevents*' | head -n 1)
python3 -c 'import sys; p = sys.argv[1]; b = bytearray(open(p, "rb").read()); b[len(b) // 2] ^= 1; open(p, "wb").write(b)' "$file"
python3 "$here/read_events.py" board2 >/dev/null 2>&1 && fail "a flipped bit was not seen"

# Numbers that are not finite stay what they are.
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --learning-rate 1e9 --weight-decay 10 \
  --max-grad-norm 0 --num-train-epochs 2 --logging-steps 1 --seeds 1..2 --max-seq-length 24 -q -o broken
expect 0 "" "$EVENKEEL" export tensorboard broken -o broken-board -q
python3 "$here/read_events.py" broken-board >broken.tsv
grep -Eq 'seed-1.*	(nan|inf|-inf)$' broken.tsv || fail "a hidden non-finite value"

# MLflow: the layout, and children of one parent.
expect 0 "" "$EVENKEEL" export mlflow odd -o flow -q
[ "$(find flow/mlruns -mindepth 3 -maxdepth 3 -name meta.yaml | wc -l)" = 7 ] || fail "7 runs of MLflow"
[ "$(find flow/mlruns -name mlflow.parentRunId | wc -l)" = 6 ] || fail "6 children"
oracle=${EK_ORACLE_PYTHON:-python3}
if "$oracle" -c 'import tensorboard' 2>/dev/null; then
  "$oracle" - <<'EOF' || fail "tensorboard reads other values"
import math
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
board = EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0}).AddRunsFromDirectory("board")
board.Reload()
count = 0
seen = {}
for run, kinds in board.Runs().items():
    for tag in kinds["scalars"]:
        for event in board.Scalars(run, tag):
            seen[run, tag, event.step] = event.value
for line in open("events.tsv"):
    run, tag, step, value = line.rstrip("\n").split("\t")
    assert math.isclose(seen.pop((run, tag, int(step))), float(value), rel_tol=1e-7), line
assert not seen
EOF
else
  echo "skipped: tensorboard is not installed (EK_ORACLE_PYTHON)"
fi
if "$oracle" -c 'import mlflow' 2>/dev/null; then
  MLFLOW_ALLOW_FILE_STORE=true "$oracle" - <<'EOF' || fail "mlflow reads other values"
import json, os
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri="file://" + os.path.abspath("flow/mlruns"))
(experiment,) = [e for e in client.search_experiments() if e.name == "odd"]
runs = client.search_runs([experiment.experiment_id], max_results=100)
children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
(parent,) = [r for r in runs if r not in children]
assert all(r.data.tags["mlflow.parentRunId"] == parent.info.run_id for r in children)
wanted = {r["weights_hash"]: r["score"] for r in json.load(open("status.json"))["runs"]}
assert {r.data.tags["evenkeel.weights_hash"]: r.data.metrics["score"] for r in children} == wanted
assert len(client.get_metric_history(children[0].info.run_id, "train_loss")) > 1
EOF
else
  echo "skipped: mlflow is not installed (EK_ORACLE_PYTHON)"
fi
finish
