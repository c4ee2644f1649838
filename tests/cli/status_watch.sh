#!/usr/bin/env bash
# What somebody sees who looks on while a study is at work: once, in a log, on a terminal, as JSON.
. "$(dirname "$0")/tiny.sh.inc"
for tool in script jq stty; do
  command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
export LC_ALL=C.UTF-8

reviews 200 >reviews.csv
study=(study --model "$tiny" --train-file reviews.csv --recipe devlin,stable --learning-rate 1e-3 --batch-size 8
  --max-seq-length 24 --logging-steps 5 --eval-steps 20 --seeds 1..3 --jobs 2 -q)
# Epochs for runs of some six seconds here, whatever this machine is.
begun=$(date +%s%N)
"$EVENKEEL" "${study[@]}" --num-train-epochs 20 --seeds 1..1 -o probe >/dev/null 2>&1 || fail "the probe"
took=$((($(date +%s%N) - begun) / 1000000))
epochs=$((20 * 6000 / (took > 0 ? took : 1)))
epochs=$((epochs < 150 ? 150 : epochs > 4000 ? 4000 : epochs))
endless=("${study[@]}" --num-train-epochs 20000)
study+=(--num-train-epochs $epochs)

# wait_for COMMAND...: until it succeeds, at most 20 seconds.
wait_for() {
  local _
  for _ in $(seq 200); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
steps_known() {
  local now
  now=$("$EVENKEEL" status "$1" --json 2>/dev/null) || return 1
  jq -e '.progress.runs[0].step > 0 and .progress.runs[0].loss != null' <<<"$now" >/dev/null
}

"$EVENKEEL" "${study[@]}" -o s >study.out 2>study.log &
study_id=$!
wait_for [ -s s/progress.json ] || fail "no progress.json: $(cat study.log)"
wait_for steps_known s || fail "no step: $(cat s/progress.json)"
"$EVENKEEL" status s --watch >log.txt 2>&1 &
log_id=$!
TERM=xterm script -qec "stty rows 40 cols 100; exec '$EVENKEEL' status s -w" /dev/null >terminal.txt 2>&1 </dev/null &
terminal_id=$!
TERM=xterm script -qec "stty rows 8 cols 60; exec '$EVENKEEL' status s -w" /dev/null >small.txt 2>&1 </dev/null &
small_id=$!
"$EVENKEEL" status s --json >now.json || fail "status --json"
jq -e '.progress | .total == 6 and .at_work and .running >= 1 and .running <= 2 and (.runs | length) == .running
  and .done + .queued + .running + .crashed == .total and .fraction > 0 and .fraction < 1
  and ([.runs[] | .step <= .total_steps and .seed >= 1 and .seed <= 3] | all)' now.json >/dev/null ||
  fail "progress: $(jq -c .progress now.json)"
jq -e '(.groups | length) == 2 and (.runs | length) == 6' now.json >/dev/null || fail "the other members of --json"
once=$("$EVENKEEL" status s)
grep -Eq '^  (devlin|stable) +seed [1-3] +[█░]+ +[0-9]+/[0-9]+ ' <<<"$once" || fail "no run at work in: $once"
grep -q 'loss' <<<"$once" || fail "no loss in: $once"
LC_ALL=C "$EVENKEEL" status s >ascii.txt
LC_ALL=C grep -q '[^ -~]' ascii.txt && fail "no ASCII: $(cat ascii.txt)"
grep -Eq 'seed [1-3] +\[[#.]+\]' ascii.txt || fail "no bar in ASCII: $(cat ascii.txt)"

wait $study_id || fail "the study: $(cat study.log)"
[ ! -e s/progress.json ] || fail "progress.json is left"
wait $log_id || fail "status --watch into a file"
wait $terminal_id || fail "status --watch on a terminal"
wait $small_id || fail "status --watch on a small terminal"
"$EVENKEEL" status s >final.txt
grep -q '^ ● run .*▲ median' final.txt || fail "no strip plot: $(cat final.txt)"
# The table and the plot of the end are the same everywhere.
"$EVENKEEL" status s | tail -n +2 >want.txt
tail -n "$(wc -l <want.txt)" log.txt | cmp -s - want.txt || fail "the log's end: $(cat log.txt)"
tail -n +3 want.txt | cmp -s - <(tail -n "$(($(wc -l <want.txt) - 2))" study.out) || fail "the study's end: $(cat study.out)"
grep -Eq '^ *[0-9]+ %  [0-5] of 6 runs done, .*[12] running' log.txt || fail "no line of progress: $(cat log.txt)"
grep -q $'\033' log.txt && fail "escapes in a log"
# The terminal: second screen, frames at home, the cursor back, the table after it.
escape=$'\033'
grep -qF "$escape[?1049h" terminal.txt || fail "not on the second screen"
[ "$(grep -cF "$escape[H" terminal.txt)" -ge 2 ] || fail "fewer than two frames"
grep -qF "$escape[?25h" terminal.txt || fail "the cursor is gone"
grep -Eq 'seed [1-3] .*█.*steps/s' terminal.txt || fail "no bar of a run: $(cat -v terminal.txt)"
grep -q 'left' terminal.txt || fail "no time left"
grep -qF "6 of 6 runs done" terminal.txt || fail "no final view: $(cat -v terminal.txt)"
# Never higher than the terminal: a frame of 8 rows is 7 lines.
grep -q 'more lines' small.txt || fail "a small terminal is not cut: $(cat -v small.txt)"
awk -v home="$escape[H" -v last="$escape[?1049l" '
  index($0, home) { if (lines > 7) bad = 1; lines = 0; inside = 1 }
  index($0, last) { inside = 0 }
  inside { lines++ }
  END { exit bad || NR == 0 }' small.txt || fail "a frame higher than the terminal"

# Killed: the file stays, and does not lie. A broken one is no error. The same command continues.
"$EVENKEEL" "${endless[@]}" -o k >/dev/null 2>&1 &
study_id=$!
wait_for steps_known k || fail "no step before the kill"
kill -9 $study_id
wait $study_id 2>/dev/null
[ -s k/progress.json ] || fail "there should be a progress.json after kill -9"
expect 0 "no process is at work" "$EVENKEEL" status k
expect 0 "no process is at work" "$EVENKEEL" status k --watch
"$EVENKEEL" status k --json | jq -e '.progress | .at_work == false and .running == 0 and .eta_seconds == null and .runs == []' \
  >/dev/null || fail "a dead study in --json"
exec 9<k/store.lock
flock 9 # as if somebody were at work
for broken in '' '[' '[]' '{"total":-1}' '{"total":1,"done":2}' '{"total":2,"runs":[{"run":1}]}' \
  '{"total":1,"fraction":1e9}' '{"total":5,"runs":[{"run":1,"step":9,"total_steps":3}]}'; do
  printf '%s' "$broken" >k/progress.json
  expect 0 "6 runs" "$EVENKEEL" status k
  "$EVENKEEL" status k --json | jq -e '.progress.total == 6' >/dev/null || fail "with $broken: no --json"
done
exec 9<&-
# Interrupted: the file goes. Ctrl-C of somebody who looks on gives the terminal back and stops nothing.
"$EVENKEEL" "${endless[@]}" -o k >/dev/null 2>&1 &
study_id=$!
wait_for steps_known k || fail "no step after the kill"
TERM=xterm script -qec "stty rows 40 cols 100; echo \$\$ >watcher; exec '$EVENKEEL' status k -w" /dev/null \
  >terminal.txt 2>&1 </dev/null &
terminal_id=$!
wait_for grep -qF "$escape[H" terminal.txt || fail "no frame"
kill -INT "$(cat watcher)"
wait $terminal_id
tail -c 5000 terminal.txt | grep -qF "$escape[?25h$escape[?1049l" || fail "Ctrl-C leaves the terminal as it was"
kill -0 $study_id || fail "Ctrl-C of a watcher ended the study"
kill -TERM $study_id
wait $study_id
[ $? = 75 ] || fail "SIGTERM should end with 75"
[ ! -e k/progress.json ] || fail "progress.json is left after an interruption"
expect 0 "no process is at work" "$EVENKEEL" status k

# NO_COLOR, and colours without it.
paint() { TERM=xterm script -qec "stty rows 40 cols 100; $1 exec '$EVENKEEL' status s" /dev/null </dev/null; }
paint "" | grep -qF "$escape[" || fail "no colour on a terminal"
paint "NO_COLOR=1" | grep -qF "$escape[" && fail "colour in spite of NO_COLOR"
finish
