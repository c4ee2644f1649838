#!/usr/bin/env bash
# The report of a big study: 1,000 runs of 3,000 logged steps, 200 predictions each, in less than 10 seconds
# of processor time and less than 5 MB. The runs are made up in SQL on top of a real store of two.
. "$(dirname "$0")/tiny.sh.inc"

reviews 60 >reviews.csv
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --recipe devlin,stable "${quick[@]}" \
  --num-train-epochs 1 --seeds 1 -q -o big
sqlite3 big/store.db <<'SQL'
PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE number AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
  SELECT i FROM n;
-- Scores that spread, a tenth of them failed; every hundredth run diverged.
INSERT INTO runs(id, group_id, seed, init_seed, order_seed, dropout_seed, subset_seed, split_seed, status, outcome,
    score, best_score, best_step, total_steps, nonfinite_step, weights_hash, train_seconds, eval_seconds,
    trained_tokens, started, finished)
  SELECT 2 * i + group_id - 2, group_id, i, i, i, i, i, 1, 'done',
    CASE WHEN i % 100 = 50 THEN 'diverged' WHEN i % 10 = 0 THEN 'failed' ELSE 'ok' END,
    CASE WHEN i % 10 = 0 THEN 0.5 ELSE 0.7 + 0.2 * ((i * 7919 * group_id) % 101) / 101.0 END, 0.9, 3000, 3000,
    CASE WHEN i % 100 = 50 THEN 40 ELSE -1 END, printf('%064x', i), 60.0, 1.0, 100000, started, finished
  FROM runs JOIN number ON i BETWEEN 2 AND 500 WHERE seed = 1;
DELETE FROM metrics;
INSERT INTO metrics(run_id, name, step, value)
  SELECT runs.id, 'train_loss', i, 0.7 * exp(-i / 900.0) + 0.05 * ((i * 31 + seed * 17) % 13) / 13.0
  FROM runs JOIN number;
INSERT INTO metrics(run_id, name, step, value)
  SELECT runs.id, 'eval_accuracy', i, 0.5 + 0.4 * (1 - exp(-i / 700.0)) FROM runs JOIN number WHERE i % 150 = 0;
DELETE FROM predictions;
DELETE FROM examples;
INSERT INTO examples(example, label) SELECT i - 1, i % 2 FROM number WHERE i <= 200;
INSERT INTO predictions(run_id, example, label, probs)
  SELECT runs.id, i - 1, (i + (i * seed) % 7 / 5) % 2,
    CASE WHEN (i + (i * seed) % 7 / 5) % 2 THEN '[0.25,0.75]' ELSE '[0.75,0.25]' END
  FROM runs JOIN number WHERE i <= 200;
UPDATE studies SET validation_count = 200;
COMMIT;
SQL
TIMEFORMAT=%U
taken=$({ time "$EVENKEEL" report big >out.txt 2>errors.txt; } 2>&1) || fail "report: $(cat errors.txt)"
bytes=$(stat -c %s big/report/index.html)
echo "1,000 runs x 3,000 steps: $taken s of processor time, $bytes bytes"
[ "$(grep -Ec '<tr class="(ok|failed|diverged|unfinished)"' big/report/index.html)" = 1000 ] || fail "not every run has its row"
[ "$bytes" -lt 5000000 ] || fail "the page has $bytes bytes"
# A time is a property of the machine; sanitizers take several times as long.
awk -v t="$taken" -v most="$([[ $EVENKEEL == */asan/* ]] && echo 120 || echo 10)" 'BEGIN { exit !(t < most) }' ||
  fail "the report took $taken s"
finish
