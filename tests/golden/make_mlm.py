"""Golden values of masked-language modelling, made with PyTorch and transformers.

    python make_mlm.py        writes tiny_mlm/ and mlm_tiny.txt

tiny_mlm/ is tiny_bert/ with a random head, in the names of old files (gamma, beta) and with the tied
decoder written out as well, as some versions of transformers do. Token ids and masks follow from
formulas. Lines: "losses ..." (of each masked token), "grad TENSOR norm up to eight values" (both in
double precision), "train_losses ..." (in float). See tests/unit/test_golden_mlm.c.
"""
import json
import pathlib

import torch
import transformers
from safetensors.torch import load_file, save_file

here = pathlib.Path(__file__).parent
transformers.utils.logging.set_verbosity_error()
COUNT, LONGEST, STEPS, MASK = 9, 20, 10, 4


def make_model():
    out = here / "tiny_mlm"
    out.mkdir(exist_ok=True)
    for name in ("config.json", "vocab.txt"):
        (out / name).write_bytes((here / "tiny_bert" / name).read_bytes())
    config = json.loads((out / "config.json").read_text())
    h, vocab = config["hidden_size"], config["vocab_size"]
    state = load_file(here / "tiny_bert" / "model.safetensors")
    torch.manual_seed(2)
    head = {"transform.dense.weight": 0.15 * torch.randn(h, h),
            "transform.dense.bias": 0.1 * torch.randn(h),
            "transform.LayerNorm.gamma": 1 + 0.1 * torch.randn(h),
            "transform.LayerNorm.beta": 0.1 * torch.randn(h),
            "bias": 0.1 * torch.randn(vocab)}
    for name, value in head.items():
        state["cls.predictions." + name] = value.to(torch.float16).to(torch.float32)
    state["cls.predictions.decoder.bias"] = state["cls.predictions.bias"].clone()
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"].clone()
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    return out


def examples(vocab):
    """Example e has 5 + 7 e mod (longest - 4) tokens: id 5 + (31 e + 17 t) mod (vocab - 5). Token t
    is masked where (e + t) mod 4 = 1, but not the first and the last; where t mod 3 = 2 it stays."""
    ids, labels, seen = [], [], []
    for e in range(COUNT):
        n = 5 + (7 * e) % (LONGEST - 4)
        clean = [5 + (31 * e + 17 * t) % (vocab - 5) for t in range(n)]
        chosen = [0 < t < n - 1 and (e + t) % 4 == 1 for t in range(n)]
        pad = [0] * (LONGEST - n)
        ids.append([MASK if c and t % 3 != 2 else i for t, (i, c) in enumerate(zip(clean, chosen))] + pad)
        labels.append([i if c else -100 for i, c in zip(clean, chosen)] + [-100] * len(pad))
        seen.append([1] * n + pad)
    return torch.tensor(ids), torch.tensor(labels), torch.tensor(seen)


def losses_of(model, batch, reduction):
    ids, labels, seen = batch
    logits = model(input_ids=ids, attention_mask=seen).logits
    return torch.nn.functional.cross_entropy(logits[labels != -100], labels[labels != -100],
                                             reduction=reduction)


def load(path, dtype):
    return transformers.BertForMaskedLM.from_pretrained(
        path, attn_implementation="eager").to(dtype).eval()


def show(values):
    return " ".join("%.12g" % float(x) for x in values)


path = make_model()
model = load(path, torch.float64)
batch = examples(model.config.vocab_size)
losses = losses_of(model, batch, "none")
losses.mean().backward()
with open(here / "mlm_tiny.txt", "w") as out:
    out.write(f"# made by make_mlm.py with torch {torch.__version__.split('+')[0]}, "
              f"transformers {transformers.__version__}\n")
    out.write("losses " + show(losses) + "\n")
    for tensor, p in model.named_parameters():
        g = p.grad.flatten()
        out.write(f"grad {tensor} {float(g.norm()):.12g} "
                  f"{show(g[:: max(1, g.numel() // 8)][:8])}\n")
    model = load(path, torch.float32)
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": 0.01},
         {"params": [p for p in model.parameters() if p.dim() != 2], "weight_decay": 0.0}],
        lr=2e-3, eps=1e-8)
    run = []
    for _ in range(STEPS):
        loss = losses_of(model, batch, "mean")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run.append(loss.item())
    out.write("train_losses " + show(run) + "\n")
