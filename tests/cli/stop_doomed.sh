#!/usr/bin/env bash
# --stop-doomed: which runs are stopped depends on named seeds and on nothing else, a stopped run is
# made again bit for bit, and nothing happens where nobody asks for it.
. "$(dirname "$0")/tiny.sh.inc"

# A run of group "two" has a training set of two examples: of one class it must fail, and its first
# steps say so. "all" never fails, so there is nothing to learn.
reviews 60 >reviews.csv
cat >study.yaml <<EOF
study: doomed
model: $tiny
train_file: reviews.csv
recipes:
  two: {recipe: devlin, train_examples: 2, num_train_epochs: 60, learning_rate: 1e-3, log_gradients: true}
  all: {recipe: devlin, num_train_epochs: 6, learning_rate: 3e-3}
batch_size: 4
eval_steps: 0
max_seq_length: 24
logging_steps: 2
seeds: 1..20
EOF
study=("$EVENKEEL" study study.yaml -q)
sql() { sqlite3 "$1/store.db" "$2"; }
runs() { sql "$1" "SELECT group_id, seed, outcome, score, weights_hash FROM runs WHERE seed <= 20 ORDER BY 1, 2"; }
group_two="JOIN groups ON groups.id = group_id WHERE groups.name = 'two'"

# Off by default: no rule, no doomed run, the schema that older versions read.
expect 0 "two" "${study[@]}" -o plain
[ "$(sql plain "PRAGMA user_version")" = 1 ] || fail "the schema without stop_doomed"
[ "$(sql plain "SELECT count(*) FROM sqlite_master WHERE name = 'doomed_rules'")" = 0 ] || fail "rules without stop_doomed"
[ "$(sql plain "SELECT count(*) FROM runs WHERE outcome = 'doomed'")" = 0 ] || fail "doomed without stop_doomed"
"$EVENKEEL" status plain --json | jq -e '[.groups[].stop_doomed] == [null, null] and .groups[0].doomed == 0' >/dev/null ||
  fail "--json without stop_doomed"

# The same runs whatever the number of workers; runs to learn from go to their end.
expect 0 "were stopped at step 8 of 60" "${study[@]}" --stop-doomed 1..10 --jobs 1 -o one
expect 0 "no run was stopped early: 0 of the 10" "$EVENKEEL" status one
expect 0 "" "${study[@]}" --stop-doomed 1..10 --jobs 2 -o two
[ "$(runs one)" = "$(runs two)" ] || fail "--jobs changed the runs"
# So many that runs to be stopped would be under way before the last one to learn from is done.
expect 0 "" "${study[@]}" --stop-doomed 1..10 --jobs 12 -o twelve
[ "$(runs one)" = "$(runs twelve)" ] || fail "--jobs 12 changed the runs"
stopped=$(sql one "SELECT group_concat(seed) FROM (SELECT seed FROM runs WHERE outcome = 'doomed' ORDER BY seed)")
[ -n "$stopped" ] || fail "no run was stopped: this test tests nothing"
[ "$(sql one "SELECT count(*) FROM runs WHERE outcome = 'doomed' AND seed <= 10")" = 0 ] || fail "a run to learn from was stopped"
[ "$(sql one "SELECT max(step) FROM metrics JOIN runs ON runs.id = run_id WHERE outcome = 'doomed'")" = 8 ] ||
  fail "doomed runs went on"
[ "$(sql one "PRAGMA user_version")" = 2 ] || fail "an older version would take doomed runs for good ones"
# All others are the runs of the plain study, bit for bit; here the stopped ones would all have failed.
others="SELECT name, seed, weights_hash FROM runs JOIN groups ON groups.id = group_id
  WHERE NOT (name = 'two' AND seed IN ($stopped)) ORDER BY 1, 2"
[ "$(sql one "$others")" = "$(sql plain "$others")" ] || fail "runs that were not stopped have changed"
failing=$(sql plain "SELECT group_concat(seed) FROM (SELECT seed FROM runs $group_two AND outcome = 'failed' AND seed > 10 ORDER BY seed)")
[ "$failing" = "$stopped" ] || fail "the failing runs are $failing, stopped were $stopped"

# Counted as failed everywhere, under their own name.
count=$(sql one "SELECT count(*) FROM runs WHERE outcome = 'doomed'")
"$EVENKEEL" status one --json | jq -e --argjson n "$count" '.groups[0] as $g | ($g.doomed == $n)
  and $g.failed == ([.runs[] | select(.group == "two" and .outcome != "ok")] | length)
  and $g.stop_doomed.stopped == $n and $g.stop_doomed.trusted and $g.stop_doomed.cross_validation.precision == 1
  and $g.stop_doomed.spared == 0 and $g.stop_doomed.spared_at_most > 0
  and $g.stop_doomed.mean_at_most > $g.mean
  and (.groups[1].stop_doomed | .trusted == false and .stopped == 0 and (.reason | length > 0))' >/dev/null ||
  fail "--json with stop_doomed"
expect 6 "" "$EVENKEEL" status one --fail-if "doomed > 0"
expect 0 "" "$EVENKEEL" report one
[ "$(grep -c '<tr class="doomed"' one/report/index.html)" = "$count" ] || fail "doomed runs in the page"
grep -q "stopped as doomed" one/report/index.html || fail "the page's count"
grep -q "might have succeeded" one/report/index.html || fail "the page does not say what it could have changed"
expect 0 "might have succeeded" "$EVENKEEL" report one --format md
expect 0 "| doomed |" "$EVENKEEL" report one --format md
expect 0 "" "$EVENKEEL" export csv one -o tables
grep -q ",doomed," tables/*.csv || fail "doomed runs in the exported tables"

# Interrupted again and again, each time a little later, and once killed, it comes to the same.
tries=1
until timeout -s TERM "$(printf '%d.%02d' $((tries * 6 / 100)) $((tries * 6 % 100)))" \
  "${study[@]}" --stop-doomed 1..10 --jobs 1 -o broken >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries = 6 ] && timeout -s KILL 0.4 "${study[@]}" --stop-doomed 1..10 --jobs 2 -o broken >/dev/null 2>&1
  [ $tries -ge 25 ] && break
done
expect 0 "" "${study[@]}" --stop-doomed 1..10 -o broken
[ $tries -ge 3 ] || fail "it was hardly interrupted"
[ "$(runs one)" = "$(runs broken)" ] || fail "interruptions changed the runs"
[ "$(sql one "SELECT * FROM doomed_rules")" = "$(sql broken "SELECT * FROM doomed_rules")" ] || fail "interruptions changed the rules"

# More seeds extend it by the stored rule; the seeds to learn from are part of the study.
expect 0 "" "${study[@]}" --stop-doomed 1,2,3,4,5,6,7,8,9,10 --seeds 1..24 -o two
[ "$(sql one "SELECT * FROM doomed_rules")" = "$(sql two "SELECT * FROM doomed_rules")" ] || fail "a rule was learned twice"
[ "$(runs one)" = "$(runs two)" ] || fail "more seeds changed the runs that were there"
expect 2 "stop_doomed: 1..10 -> 1..9" "${study[@]}" --stop-doomed 1..9 -o one
expect 2 "stop_doomed: 1..10 -> (unset)" "${study[@]}" -o one
expect 2 "stop_doomed: (unset) -> 1..10" "${study[@]}" --stop-doomed 1..10 -o plain
expect 2 "seed 21 is none of the study's seeds" "${study[@]}" --stop-doomed 1..21 -o never
[ ! -e never ] || fail "a folder for a refused study"
expect 2 "evenkeel study" "$EVENKEEL" train --model "$tiny" --train-file reviews.csv --stop-doomed 1..3
sed 's/^seeds: .*/&\nstop_doomed: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]/' study.yaml >listed.yaml
expect 0 "" "$EVENKEEL" study listed.yaml -q -o one

# A stopped run is made again, also from the store of the model that was made so.
first=$(sql one "SELECT min(id) FROM runs WHERE outcome = 'doomed'")
expect 0 "the same bits" "$EVENKEEL" verify one --run "$first"
expect 0 "doomed" "$EVENKEEL" train --run "one:$first" -o again -q
expect 0 "the same bits" "$EVENKEEL" verify again
grep -q "stopped at step 8 of 60" again/README.md || fail "the model card does not say that training was stopped"
expect 0 "the same bits" "$EVENKEEL" verify one --run 1

# probe doomed, on the plain study, finds the rule that the other one has stopped runs by.
"$EVENKEEL" probe doomed plain --learn-from 1..10 --json >rule.json
jq -r '.groups[0] | [.feature, (.above | if . then "1" else "0" end), (.step | tostring)] | join("|")' rule.json >probed
sql one "SELECT feature, above, step FROM doomed_rules JOIN groups ON groups.id = group_id WHERE name = 'two'" >stored
cmp probed stored || fail "probe doomed and the study learned other rules"
jq -e --argjson n "$count" '.groups[0] | .trusted and .others.hits == $n and .others.false_alarms == 0
  and .cross_validation.recall_low < 1 and .cross_validation.steps_saved > 0.2' rule.json >/dev/null || fail "probe doomed"
expect 0 "by cross-validation over seeds" "$EVENKEEL" probe doomed plain
expect 0 "left out" "$EVENKEEL" probe doomed one
expect 2 "--learn-from" "$EVENKEEL" probe doomed plain --learn-from x

# A run at work and the store have the same features, bit for bit: with a threshold at the stored
# value the run is not above it, with the number just below it is.
"$EVENKEEL" probe doomed plain --json | jq -r '.groups[0].features[] | select(.seed == 11) | to_entries[]
  | select(.key != "run" and .key != "seed" and .key != "failed") | "\(.key) \(.value)"' >features
[ "$(grep -vc null features)" = 8 ] || fail "not every feature is there: $(cat features)"
run=$(sql one "SELECT runs.id FROM runs $group_two AND seed = 11")
whole=$(sql plain "SELECT weights_hash FROM runs $group_two AND seed = 11")
rule="group_id = (SELECT id FROM groups WHERE name = 'two')"
now() { "$EVENKEEL" verify one --run "$run" --json 2>/dev/null | jq -r .now; }
while read -r name value; do
  sql one "UPDATE doomed_rules SET feature = '$name', above = 1, threshold = $value WHERE $rule"
  [ "$(now)" = "$whole" ] || fail "$name of the run is above that of the store"
  # less than one unit in the last place, more than half of one: the next number below
  sql one "UPDATE doomed_rules SET threshold = threshold - max(abs(threshold) * 1.2e-16, 1e-300) WHERE $rule"
  [ "$(now)" != "$whole" ] || fail "$name of the run is below that of the store"
done <features
finish
