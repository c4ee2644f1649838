#!/usr/bin/env bash
# probe drift: distances against the weights in the files, what must hold of similarities, the report's
# figures of all probes, and what is refused.
. "$(dirname "$0")/tiny.sh.inc"
mlm=$EK_SOURCE_DIR/tests/golden/tiny_mlm

reviews 64 >reviews.csv
{
  echo "text,label"
  words=(a great film with plot and more good story no poor it was very bad the)
  for i in $(seq 40); do
    more="${words[i * 3 % 16]} ${words[i * 5 % 16]} ${words[i / 4]}"
    [ $((i % 2)) = 0 ] && echo "a great film with $more good story,pos" || echo "no plot and a poor $more film very bad,neg"
  done
} >validation.csv
cat >study.yaml <<'EOF'
study: both
seeds: 1..2
recipes:
  good: {recipe: devlin, learning_rate: 3e-3, num_train_epochs: 6}
  bad: {recipe: devlin, learning_rate: 1e-1, num_train_epochs: 6}
batch_size: 8
max_seq_length: 24
EOF
expect 0 "bad" "$EVENKEEL" study study.yaml --model "$mlm" --train-file reviews.csv \
  --validation-file validation.csv -o s -q
expect 0 "validation examples" "$EVENKEEL" probe drift s -q
jq -e '.probe == "drift" and .layers == 2 and .examples == 40
  and .parts == ["embeddings", "layer 0", "layer 1", "pooler"]
  and [.runs[].run] == [1, 2, 3, 4] and ([.runs[].relative[]] | min) > 0
  and [.cka[] | [.a, .b]] == [[1,2],[1,3],[2,3],[1,4],[2,4],[3,4]]
  and ([.cka[] | .values[0], .unbiased[0]] | unique) == [null]
  and ([.cka[].values[1:][] | select(. != null)] | min) >= 0
  and ([.cka[] | .values[1:][], .unbiased[1:][] | select(. != null)] | max) <= 1.000001' s/probe/drift.json >/dev/null ||
  fail "drift.json: $(head -c 800 s/probe/drift.json)"
# The rate of 0.1 has moved every part further than that of 3e-3.
jq -e '[.runs[] | select(.group == "good").relative] as $g | [.runs[] | select(.group == "bad").relative] as $b
  | [range(4) as $i | ([$b[][$i]] | min) > ([$g[][$i]] | max)] | all' s/probe/drift.json >/dev/null ||
  fail "distances: $(jq -c '.runs[].relative' s/probe/drift.json)"

if command -v python3 >/dev/null; then
  cat >distance.py <<'EOF'
import json, math, struct, sys
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, last = entry["data_offsets"]
            name = name.replace("gamma", "weight").replace("beta", "bias")
            out[name if name.startswith("bert.") else "bert." + name] = struct.unpack(
                f"<{(last - first) // 4}f", data[8 + size + first:8 + size + last])
    return out
base = tensors(sys.argv[1] + "/model.safetensors")
for run in json.load(open("s/probe/drift.json"))["runs"]:
    now = tensors(f"s/models/run-{run['run']}/model.safetensors")
    for part, key in enumerate((".embeddings.", ".layer.0.", ".layer.1.", ".pooler.")):
        names = [n for n in now if key in n]
        assert names
        moved = sum((a - b) ** 2 for n in names for a, b in zip(now[n], base[n]))
        whole = sum(b * b for n in names for b in base[n])
        for found, wanted in ((run["distance"][part], math.sqrt(moved)),
                              (run["relative"][part], math.sqrt(moved / whole))):
            assert abs(found / wanted - 1) < 1e-9, (run["run"], part, found, wanted)
EOF
  python3 distance.py "$mlm" || fail "distances are not those of the files"
fi

# Workers change nothing; one run has no pair; the formats hold the same numbers.
cp s/probe/drift.json first.json
"$EVENKEEL" probe drift s --jobs 3 -q >/dev/null && cmp -s s/probe/drift.json first.json || fail "--jobs changes it"
"$EVENKEEL" probe drift s -q --json | cmp -s - first.json || fail "--json is not the file"
[ "$("$EVENKEEL" probe drift s -q --csv | grep -c ^distance,)" = 16 ] || fail "--csv: distances"
[ "$("$EVENKEEL" probe drift s -q --csv | grep -c ^cka,)" = 18 ] || fail "--csv: pairs"
"$EVENKEEL" probe drift s --runs 3 -q --json | jq -e '(.runs | length) == 1 and .cka == []' >/dev/null || fail "--runs 3"
expect 2 "finished are: 1, 2, 3, 4" "$EVENKEEL" probe drift s --runs 9
expect 2 "needs the folder" "$EVENKEEL" probe drift
expect 2 "did you mean drift" "$EVENKEEL" probe drif s

# The report draws what all probes found, and says what it cannot use.
expect 0 "" "$EVENKEEL" probe drift s -q
expect 0 "" "$EVENKEEL" probe surface s --points 4 --examples 20 -q
seq 300 | sed 's/$/ a great film with good story/' >wiki.txt
expect 0 "" "$EVENKEEL" probe forgetting s --input wiki.txt -q
# Its runs did not log gradients: those that were made again for that are drawn.
expect 0 "index.html" "$EVENKEEL" report s
if grep -q 'id="figure-gradient_norms' s/report/index.html; then fail "gradients that nobody logged"; fi
expect 0 "" "$EVENKEEL" probe gradients s -q
expect 0 "index.html" "$EVENKEEL" report s
for figure in gradient_norms gradient_groups drift forgetting loss_surface gradient_surface loss_barrier; do
  grep -q "id=\"figure-$figure\"" s/report/index.html || fail "the report has no $figure"
done
if grep -q 'class="warnings">.*probe/' s/report/index.html; then fail "a warning of good files"; fi
echo '{"probe":"drift"}' >s/probe/drift.json
sed -i 's/"seed":1/"seed":77/' s/probe/forgetting.json
expect 0 'warning: probe/drift.json: "layers" is missing' "$EVENKEEL" report s
expect 0 "seed 77), which is not in this study" "$EVENKEEL" report s
grep -q '<li>probe/drift.json: &quot;layers&quot; is missing' s/report/index.html || fail "no warning in the page"
if grep -q 'id="figure-drift"' s/report/index.html; then fail "a figure of a bad file"; fi
[ ! -e s/report/figures/drift.tsv ] || fail "the data of an earlier figure is still there"
finish
