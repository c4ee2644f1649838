#!/usr/bin/env bash
# The report of a study with failing and diverging runs and hostile names: contained in itself, the same bytes
# twice, right in every format. A browser looks at it in report_browser.sh.
. "$(dirname "$0")/tiny.sh.inc"

. "$EK_SOURCE_DIR/tests/cli/report_study.sh.inc"

# The page: written, its path printed, the same bytes again and in another folder.
page=s/report/index.html
expect 0 "$page" "$EVENKEEL" report s
[ -s $page ] || fail "no page"
cp $page first.html
expect 0 "$page" "$EVENKEEL" report s
cmp first.html $page || fail "two reports of one store differ"
expect 0 "other/index.html" "$EVENKEEL" report s -o other
cmp first.html other/index.html || fail "the page depends on where it goes"
diff -r s/report other >/dev/null || fail "the files of the figures differ"

# Contained in itself: nothing is fetched from anywhere, nothing of the store is markup.
grep -Eq "Content-Security-Policy.*default-src 'none'" $page || fail "no policy"
# Attributes of tags only: what a page shows as text may say what it likes.
grep -Eo '<[a-zA-Z][^>]*>' $page >tags.txt
grep -Eio '[ "](src|href|action|srcset|poster|data|xlink:href)[[:space:]]*=[[:space:]]*["'\''][^"'\'']*' tags.txt |
  grep -Eiv 'href="#' && fail "the page refers to something outside"
grep -Eio '(url\(|@import|https?://)[^ ;"<]*' $page | grep -Ev '^http://www.w3.org/2000/svg$|^url\(#' &&
  fail "the page names an address"
[ "$(grep -o '<script' $page | wc -l)" = 1 ] || fail "there is more than the page's own script"
grep -q '<img' $page && fail "a label became markup"
# shellcheck disable=SC2016
grep -qF '&lt;script&gt;window.hacked=1&lt;/script&gt;&quot;&#39;&amp; %_${}|`\[a](b)' $page ||
  fail "a name is not shown as typed"
grep -q "$HOME/" $page && fail "the page names the home folder"
for wanted in 'lang="en"' 'id="claim"' 'id="runs"' 'id="repeat"' 'ddof 1' 'Wilson' 'Holm-corrected' 'majority baseline' \
  'validation' 'last checkpoint' 'learning_rate' 'SHA-256' 'evenkeel verify' 'diverged'; do
  grep -q "$wanted" $page || fail "the page does not say '$wanted'"
done
[ "$(grep -Ec '<tr class="(ok|failed|diverged|unfinished)"' $page)" = 18 ] || fail "not every run has its row"
for hash in $(sqlite3 s/store.db "SELECT substr(weights_hash, 1, 12) FROM runs"); do
  grep -q "<code>$hash</code>" $page || fail "the hash $hash is missing"
done

# The drawings, and the same without gnuplot.
if command -v gnuplot >/dev/null; then
  [ "$(grep -c '<figure' $page)" -gt 0 ] || fail "no figure"
  [ "$(grep -c '<figure' $page)" = "$(grep -c '<div class="drawing">' $page)" ] || fail "a figure without a drawing"
  for id in $(grep -o '<figure id="figure-[a-z_0-9]*' $page | sed 's/.*figure-//'); do
    [ -s "s/report/figures/$id.tsv" ] || fail "$id.tsv is missing"
    [ -s "s/report/figures/$id.gp" ] || fail "$id.gp is missing"
  done
fi
mkdir empty
expect 0 "bare/index.html" env PATH="$PWD/empty" "$EVENKEEL" report s -o bare
grep -q 'apt-get install gnuplot-nox' bare/index.html || fail "no word about gnuplot"
grep -q '<div class="drawing">' bare/index.html && fail "a drawing without gnuplot"
grep -q '<table class="numbers data">' bare/index.html || fail "no table in the place of a drawing"

# Markdown: every row has the cells of its head, and no name is markup.
expect 0 "" "$EVENKEEL" report s --format md -o s.md
awk '!/^\|/ { next } { line = $0; gsub(/\\\\/, "", line); gsub(/\\\|/, "", line); cells = gsub(/\|/, "", line) }
  cells != 10 && cells != 11 { print "cells: " $0; bad = 1 } END { exit bad }' s.md || fail "a row of Markdown is broken"
[ "$(grep -c '^| [0-9]* | ' s.md)" = 18 ] || fail "runs in Markdown"
grep -q '<' s.md && fail "markup in Markdown"
grep -q '[^\\][[]a' s.md && fail "a link in Markdown"

# LaTeX compiles, or at least escapes and pairs everything.
expect 0 "" "$EVENKEEL" report s --format latex -o table.tex
grep -q '\\toprule' table.tex || fail "no booktabs"
grep -q 'ddof 1' table.tex || fail "the caption does not say how"
sed 's/^%.*//; s/\\[&%$#_{}]//g; s/\\,//g; s/\\\\//g; s/ & / /g; s/\$n\$//' table.tex >plain.tex
[ "$(grep -o '{' plain.tex | wc -l)" = "$(grep -o '}' plain.tex | wc -l)" ] || fail "braces in LaTeX do not pair"
grep -n '[$#_^~"<>|&%`]\|\\input' plain.tex && fail "a character of LaTeX is not escaped"
if command -v pdflatex >/dev/null; then
  printf '%s\n' '\documentclass{article}' '\usepackage[T1]{fontenc}' '\usepackage{booktabs,textcomp}' \
    '\begin{document}' '\input{table}' '\end{document}' >paper.tex
  pdflatex -interaction=nonstopmode -halt-on-error paper.tex >latex.log 2>&1 || fail "LaTeX: $(grep -A3 '^!' latex.log)"
else
  echo "no pdflatex: the table was not compiled"
fi

# CSV and JSON: the numbers of status, and comparisons whose p are Holm's.
"$EVENKEEL" report s --format csv >report.csv
"$EVENKEEL" status s --csv | cmp - report.csv || fail "the CSV is not that of status"
"$EVENKEEL" report s --format json >report.json
jq -e '(.runs | length) == 18 and (.comparisons | length) == 2 and ([.comparisons[].a.group] | unique) == ["devlin"]' report.json >/dev/null ||
  fail "comparisons in JSON"
jq -e '
  def holm_ok: map(select(.[0] != null)) | sort_by(.[0]) as $p | ($p | length) as $n |
    all(range($n); . as $i | ([range($i + 1) as $j | ($n - $j) * $p[$j][0]] | max | if . > 1 then 1 else . end)
      - $p[$i][1] | fabs < 1e-9);
  (.comparisons | map(select(.fisher_p != null)) | length) == 2 and
  ([.comparisons[] | [.brown_forsythe_p, .verdict.spread_p]] | holm_ok) and
  ([.comparisons[] | [.fisher_p, .verdict.failures_p]] | holm_ok) and
  ([.comparisons[] | [.mann_whitney_p, .verdict.level_p]] | holm_ok) and
  any(.comparisons[]; .fisher_p != .verdict.failures_p)' report.json >/dev/null ||
  fail "p are not corrected by Holm: $(jq -c '.comparisons[] | [.fisher_p, .verdict]' report.json)"
# Examples that no run has right, and those that some have, against plain SQL.
right="SELECT example, sum(p.label = e.label) AS k, count(*) AS n FROM predictions p JOIN examples e USING(example)
  JOIN runs ON runs.id = run_id WHERE status = 'done' AND group_id = 1 GROUP BY example"
[ "$(jq -c '.disagreement[0] | [.always_wrong, .flipping]' report.json)" = \
  "[[$(sqlite3 s/store.db "SELECT group_concat(example) FROM ($right) WHERE k = 0")],$(sqlite3 s/store.db "SELECT count(*) FROM ($right) WHERE k > 0 AND k < n")]" ] ||
  fail "examples: $(jq -c '.disagreement[0]' report.json)"

# The numbers of the table are those of the runs: SD with ddof 1, quartiles of type 7.
jq -r '[.runs[] | select(.group == "devlin") | 100 * .score] | sort as $s | ($s | length) as $n | ($s | add / $n) as $mean
  | def quantile(q): (q * ($n - 1)) as $h | ($h | floor) as $i | $s[$i] + ($h - $i) * (($s[$i + 1] // $s[$i]) - $s[$i]);
  [$mean, ([$s[] | . - $mean | . * .] | add / ($n - 1) | sqrt), quantile(0.5), quantile(0.25), quantile(0.75), $s[0], $s[-1]]
  | @tsv' report.json | tr '\t' '\n' | xargs printf '%.1f\n' >wanted.txt
grep '^| devlin | 6 ' s.md | sed 's/ to / | /; s/\\\[[^]]*\]//g' |
  awk -F'|' '{ for (i = 5; i <= 11; i++) { gsub(/ /, "", $i); print $i } }' >found.txt
cmp wanted.txt found.txt || fail "numbers: $(paste wanted.txt found.txt)"

# Wrong use.
expect 2 "belongs to --format html" "$EVENKEEL" report s --format md --pdf
expect 2 "latex" "$EVENKEEL" report s --format tex
expect 2 "usage" "$EVENKEEL" report
expect 3 "nowhere" "$EVENKEEL" report nowhere

# Texts: only when asked for, and only those of the same data.
grep -q 'film' $page && fail "texts are in the page although nobody asked"
if grep -q 'class="example' $page; then
  expect 0 "texts/index.html" "$EVENKEEL" report s --include-text -o texts
  grep -Eq 'film (with plot )?[0-9]+' texts/index.html || fail "no texts in the page"
fi
mv reviews.csv kept.csv
reviews 61 >reviews.csv
expect 3 "not what the study was trained on" "$EVENKEEL" report s --include-text -o wrong
[ ! -e wrong ] || fail "a refused report left something"
mv kept.csv reviews.csv

# A study of one run, and one in which nothing has finished.
expect 0 "" "$EVENKEEL" study --model "$tiny" --train-file reviews.csv --recipe devlin "${quick[@]}" --seeds 1 -q -o one
expect 0 "" "$EVENKEEL" report one
sqlite3 one/store.db "UPDATE runs SET status = 'queued'"
expect 0 "" "$EVENKEEL" report one -o queued
grep -q 'No run has finished yet' queued/index.html || fail "a study without a finished run"

finish
