"""What --log-gradients logs of a first step, and the probe of forgetting, by PyTorch and transformers.

    evenkeel train --model MODEL --train-file F.jsonl --validation-file F.jsonl --keep-head \
        --shuffle=false --dropout 0 --max-steps 1 --logging-steps 1 --log-gradients --recipe devlin \
        --lr-scheduler constant --warmup-ratio 0 --learning-rate 1e-4 -o one-step
    evenkeel metrics one-step --csv > metrics.csv
    python compare_probes.py gradients MODEL F.jsonl metrics.csv

MODEL is a classifier with its own head (a kept model), F.jsonl holds at least 16 objects with text,
text_pair or none, and label (a name of MODEL's). In double precision: the gradient norm of every tensor,
the total, before and after clipping, the update over the weight (AdamW of variant mosbach without bias
correction), saturation and entropy. Fails when one differs by more than 1e-4 relative. The gradient of a key's bias
is 0 but for rounding (a constant added to all scores of a softmax): tensors with less than 1e-6 of the
total norm are counted and left out.

    evenkeel eval --model BERT --task mlm --input TEXT --dump-masks masks.jsonl
    python compare_probes.py forgetting BERT FINE_TUNED K masks.jsonl [PERPLEXITY]

FINE_TUNED (DIR/models/run-<id>) with its top K layers, embeddings and head from BERT: the perplexity.

    evenkeel probe drift DIR
    python compare_probes.py drift BERT DIR F.jsonl

F.jsonl: DIR's validation examples, at most 512, with text, and text_pair or none. Distances of the weights
in DIR/models from BERT's, and both kinds of CKA between all runs of DIR/probe/drift.json by their formulas
in feature space, outputs in double precision; fails when a distance differs by more than 1e-4, or a CKA by more than
1e-3 absolute (outputs that hardly vary have little but single-precision rounding in them).
"""
import csv
import json
import math
import sys

import torch
import transformers

transformers.utils.logging.set_verbosity_error()


def gradients(model_dir, examples_path, metrics_path):
    rate, decay, b1, b2, eps, most = 1e-4, 0.01, 0.9, 0.999, 1e-6, 1.0
    examples = [json.loads(line) for line in open(examples_path)][:16]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(model_dir).double().eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    pairs = [e["text_pair"] for e in examples] if "text_pair" in examples[0] else None
    batch = tokenizer([e["text"] for e in examples], pairs, truncation=True, max_length=128,
                      padding=True, return_tensors="pt")
    labels = torch.tensor([model.config.label2id[str(e["label"])] for e in examples])
    pooled = []
    hook = model.bert.pooler.register_forward_hook(lambda m, i, o: pooled.append(o.detach()))
    output = model(**batch, labels=labels)
    output.loss.backward()
    hook.remove()
    logged = {row["name"]: float(row["value"]) for row in csv.DictReader(open(metrics_path))
              if row["step"] == "1"}
    total = math.sqrt(sum(float(p.grad.pow(2).sum()) for p in model.parameters()))
    clip = min(1.0, most / (total + 1e-6))
    p = torch.softmax(output.logits.detach(), -1)
    expected = {
        "train_loss": float(output.loss.detach()),
        "grad_norm": total,
        "grad_norm_clipped": total * clip,
        "pooler_saturation": float((pooled[0].abs() > 0.99).double().mean()),
        "output_entropy": float(-(p * p.log()).sum(-1).mean()),
    }
    zeros = 0
    touched = torch.zeros(model.config.vocab_size, dtype=torch.bool)
    touched[batch["input_ids"][batch["attention_mask"].bool()]] = True
    for name, w in model.named_parameters():
        g = w.grad
        if float(g.norm()) < 1e-6 * total:
            zeros += 1
            continue
        expected["grad_norm/" + name] = float(g.norm())
        g, old = g * clip, w.detach()
        if name.endswith("word_embeddings.weight"):
            g, old = g[touched], old[touched]
        change = -rate * (1 - b1) * g / (((1 - b2) * g * g).sqrt() + eps)
        if not (name.endswith("bias") or "LayerNorm" in name):
            change = change - rate * decay * (old + change)
        if float(old.norm()) > 0:
            expected["update_ratio/" + name] = float(change.norm() / old.norm())
    worst, where = 0.0, ""
    for name, value in expected.items():
        difference = abs(logged[name] - value) / max(abs(value), 1e-12)
        if name == "pooler_saturation":  # a count: a value at the very bound may fall on either side
            difference = 0 if abs(logged[name] - value) < 1e-3 else difference
        if difference > worst:
            worst, where = difference, name
    tensors = sum(name.startswith("grad_norm/") for name in expected)
    print(f"{tensors} tensors, {zeros} left out, {len(expected)} numbers; largest relative difference {worst:.2e} ({where})")
    return worst > 1e-4


def forgetting(bert_dir, tuned_dir, k, masks, perplexity=None):
    mlm = transformers.BertForMaskedLM.from_pretrained(bert_dir).double().eval()
    tuned = transformers.AutoModelForSequenceClassification.from_pretrained(tuned_dir).double()
    layers = len(mlm.bert.encoder.layer)
    for layer in range(layers - int(k)):
        mlm.bert.encoder.layer[layer].load_state_dict(tuned.bert.encoder.layer[layer].state_dict())
    blocks = [json.loads(line) for line in open(masks)]
    total, masked = 0.0, 0
    with torch.no_grad():
        for block in blocks:
            labels = torch.tensor(block["labels"])
            chosen = labels != -100
            hidden = mlm.bert(input_ids=torch.tensor([block["input_ids"]])).last_hidden_state[0][chosen]
            total += torch.nn.functional.cross_entropy(mlm.cls(hidden), labels[chosen],
                                                       reduction="sum").item()
            masked += int(chosen.sum())
    found = math.exp(total / masked)
    print(f"k {k} of {layers}: {masked} masked tokens, perplexity {found:.6f}")
    if perplexity:
        difference = float(perplexity) / found - 1
        print(f"relative difference {difference:.2e}")
        return abs(difference) > 1e-4
    return False


def hsic(k, l):
    n = len(k)
    k, l = k - torch.diag(torch.diag(k)), l - torch.diag(torch.diag(l))
    return (k * l).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) @ l.sum(0))


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, l = x @ x.T, y @ y.T
    return (float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())),
            float(hsic(k, l) / (hsic(k, k) * hsic(l, l)).sqrt()))


def part_of(name, layers):
    if ".embeddings." in name:
        return 0
    if ".layer." in name:
        return 1 + int(name.split(".layer.")[1].split(".")[0])
    return layers + 1 if ".pooler." in name else None


def drift(bert_dir, study, examples_path):
    found = json.load(open(f"{study}/probe/drift.json"))
    layers = found["layers"]
    examples = [json.loads(line) for line in open(examples_path)]
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert_dir)
    base = dict(transformers.BertModel.from_pretrained(bert_dir).named_parameters(prefix="bert"))
    outputs, worst, alike = {}, 0.0, 0.0
    for run in found["runs"]:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            f"{study}/models/run-{run['run']}").double().eval()
        moved, whole = [0.0] * (layers + 2), [0.0] * (layers + 2)
        for name, w in model.named_parameters():
            part = part_of(name, layers)
            if part is not None:
                moved[part] += float((w - base[name].double()).pow(2).sum().detach())
                whole[part] += float(base[name].double().pow(2).sum().detach())
        for part in range(layers + 2):
            if run["relative"][part] is not None:
                worst = max(worst, abs(run["distance"][part] / moved[part] ** 0.5 - 1),
                            abs(run["relative"][part] / (moved[part] / whole[part]) ** 0.5 - 1))
        rows = []
        with torch.no_grad():
            for e in examples:
                batch = tokenizer(e["text"], e.get("text_pair"), truncation=True, return_tensors="pt",
                                  max_length=min(128, model.config.max_position_embeddings))
                hidden = model.bert(**batch, output_hidden_states=True).hidden_states
                rows.append(torch.stack([h[0, 0] for h in hidden]))
        outputs[run["run"]] = torch.stack(rows, 1)
    assert len(examples) == found["examples"], (len(examples), found["examples"])
    for pair in found["cka"]:
        assert pair["values"][0] is None and pair["unbiased"][0] is None
        for layer in range(1, layers + 1):
            both = cka(outputs[pair["a"]][layer], outputs[pair["b"]][layer])
            for value, key in zip(both, ("values", "unbiased")):
                if pair[key][layer] is not None:
                    alike = max(alike, abs(pair[key][layer] - value))
    print(f"{len(outputs)} runs, {len(found['cka'])} pairs; largest relative difference of distances "
          f"{worst:.2e}, largest difference of CKA {alike:.2e}")
    return worst > 1e-4 or alike > 1e-3


if __name__ == "__main__":
    what, arguments = sys.argv[1], sys.argv[2:]
    sys.exit({"gradients": gradients, "forgetting": forgetting, "drift": drift}[what](*arguments))
