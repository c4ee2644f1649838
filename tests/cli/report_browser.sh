#!/usr/bin/env bash
# The report in headless Chromium, at two widths, light and dark: no error, nothing asked for, every drawing
# visible, no page wider than its window, contrast, sorting, filters, no dead control without script.
. "$(dirname "$0")/tiny.sh.inc"

command -v python3 >/dev/null || { echo "no python3"; exit 77; }
command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "no browser"; exit 77; }
. "$EK_SOURCE_DIR/tests/cli/report_study.sh.inc"

look() {
  python3 "$EK_SOURCE_DIR/tests/cli/browser.py" "$1" >browser.txt 2>&1 || fail "$1: $(head -c 2000 browser.txt)"
}
# What probes found too, of runs that lost their numbers as well; the tiny model has no masked-LM head.
expect 0 "" "$EVENKEEL" probe drift s -q
expect 0 "" "$EVENKEEL" probe surface s --points 6 --examples 20 -q
jq '{probe: "forgetting", layers, text: "<i>text</i>", mask_seed: 1, blocks: 1, masked_tokens: 9, pretrained_perplexity: 8,
  runs: [.runs[] | {run, group, seed, outcome, score, perplexity: [if .outcome == "ok" then 20 else null end, 9, 8]}]}' \
  s/probe/drift.json >s/probe/forgetting.json
expect 0 "" "$EVENKEEL" report s --include-text
for figure in drift loss_surface loss_barrier forgetting; do
  grep -q "id=\"figure-$figure\"" s/report/index.html || fail "no figure $figure"
done
look s/report/index.html
mkdir empty
expect 0 "" env PATH="$PWD/empty" "$EVENKEEL" report s -o bare
look bare/index.html

# The test itself can fail: an outside picture, a faint text, a wide table, a script that breaks.
broken() {
  sed "$1" bare/index.html >broken.html
  python3 "$EK_SOURCE_DIR/tests/cli/browser.py" broken.html >browser.txt 2>&1
  grep -q "$2" browser.txt || fail "a page broken by $1 passes: $(cat browser.txt)"
}
broken 's#</main>#<img src="picture.png"></main>#' 'log: '
broken 's#--soft: \#56626c#--soft: \#b0b0b0#' 'contrast'
broken 's#overflow-x: auto#overflow-x: visible#' 'px wide'
broken 's#aria-sort#aria-order#' 'log: \|aria-sort'
finish
