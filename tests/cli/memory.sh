#!/usr/bin/env bash
# The memory that check plans is the memory that runs take.
#
# One run alone: the most that was resident (VmHWM) in one `evenkeel train`. A study: the sum over its
# processes of Pss without files (private pages, and shared ones in equal parts), and the pages of
# files in the one that has most, at its highest: Pss of files would be divided by whatever else on
# the machine maps the same libraries. Both within 10 % of the plan on a real model. The tiny model
# takes less than the slack of allocator and libraries, so there 2.5 MB are allowed.
. "$(dirname "$0")/tiny.sh.inc"

if grep -q __asan_init "$EVENKEEL"; then
  echo "built with sanitizers, whose own memory is not planned: skipped"
  exit 77
fi

near() { # near WHAT PLANNED MEASURED ALLOWED: in bytes
  local off=$(($3 - $2))
  echo "$1: planned $(($2 / 1000)) kB, measured $(($3 / 1000)) kB, $((100 * off / $2)) %"
  [ "${off#-}" -le "$4" ] || fail "$1: planned $2 bytes, measured $3, allowed to differ by $4"
}

# resident COMMAND...: the most memory that a command and its children have together, in bytes
resident() {
  local pid highest=0 sum files child part
  "$@" >/dev/null 2>&1 &
  pid=$!
  while [ -d /proc/$pid ] && [ "$(awk '/^State:/ {print $2}' /proc/$pid/status 2>/dev/null)" != Z ]; do
    sum=0 files=0
    for child in $pid $(pgrep -P $pid); do
      sum=$((sum + $(awk '/^Pss_(Anon|Shmem):/ {n += $2} END {print n + 0}' "/proc/$child/smaps_rollup" 2>/dev/null || echo 0)))
      part=$(awk '/^RssFile:/ {print $2}' "/proc/$child/status" 2>/dev/null)
      [ "${part:-0}" -gt $files ] && files=$part
    done
    [ $((sum + files)) -gt $highest ] && highest=$((sum + files))
    sleep 0.05
  done
  wait $pid || fail "$*"
  echo $((highest * 1024))
}

# compare NAME PERCENT BYTES OPTIONS...: allowed are PERCENT of the plan and BYTES
compare() {
  local name=$1 percent=$2 bytes=$3 plan run all
  shift 3
  plan=$("$EVENKEEL" check "$@" --jobs 2 --threads 1 --seeds 1..2 --json -q) || fail "$name: check"
  run=$(jq .bytes_run <<<"$plan")
  all=$(jq .bytes_all <<<"$plan")
  near "$name, one run" "$run" "$("$EVENKEEL" train "$@" --threads 1 --json -q | jq .peak_bytes)" \
    $((run * percent / 100 + bytes))
  if grep -qs Pss_Anon /proc/self/smaps_rollup; then
    near "$name, two workers" "$all" \
      "$(resident "$EVENKEEL" study "$@" --jobs 2 --threads 1 --seeds 1..2 -q -o "$name")" \
      $((all * percent / 100 + bytes))
  fi
}

reviews 60 >reviews.csv
compare tiny 0 2500000 --model "$tiny" --train-file reviews.csv "${quick[@]}" --num-train-epochs 200 --eval-steps 0
# Examples of very different lengths: what attention keeps is the sum of the squares.
{ cat reviews.csv; printf '%s,pos\n' "$(printf 'good film %.0s' $(seq 40))"; } >mixed.csv
if [ -n "${EK_MODELS:-}" ]; then
  compare minilm 10 0 --model "$EK_MODELS/minilm" --train-file mixed.csv --batch-size 8 \
    --max-seq-length 128 --num-train-epochs 2
  compare minilm_long 10 0 --model "$EK_MODELS/minilm" --train-file mixed.csv --batch-size 2 \
    --max-seq-length 256 --num-train-epochs 1
else
  echo "EK_MODELS is not set: the real model is skipped"
fi
finish
