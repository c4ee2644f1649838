"""Writes tests/golden/tiny_bert/: a BERT of 14,000 parameters with random weights and a small
vocabulary of our own, for tests that need a whole model. Weights are larger than usual (std 0.15)
so that gradients and attention are far from trivial.

    python make_tiny_bert.py        (torch, transformers, safetensors; run from anywhere)
"""
import json
import pathlib
import torch
import transformers
from safetensors.torch import save_file

out = pathlib.Path(__file__).parent / "tiny_bert"
out.mkdir(exist_ok=True)

words = ("the a an of to and in is it was for on with as at by from that this not no good bad great "
         "poor film story plot price oil trade wheat corn ship rate bank up down more less very").split()
pieces = ["##s", "##ed", "##ing", "##er", "##ly"]
letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,!?")
vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
for token in words + pieces + letters:
    if token not in vocab and len(vocab) < 96:
        vocab.append(token)
assert len(vocab) <= 96
(out / "vocab.txt").write_text("\n".join(vocab) + "\n")

config = transformers.BertConfig(
    vocab_size=96, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
    intermediate_size=40, max_position_embeddings=40, type_vocab_size=2)
torch.manual_seed(1)
model = transformers.BertForSequenceClassification(config)
state = {}
for name, value in model.state_dict().items():
    if not name.startswith("bert.") or "position_ids" in name:
        continue
    if name.endswith("LayerNorm.weight"):
        value = 1 + 0.1 * torch.randn_like(value)
    elif value.dim() == 1:
        value = 0.1 * torch.randn_like(value)
    else:
        value = 0.15 * torch.randn_like(value)
    state[name] = value.to(torch.float16).to(torch.float32).contiguous()
save_file(state, out / "model.safetensors", metadata={"format": "pt"})

text = config.to_dict()
for key in ("transformers_version", "_name_or_path", "architectures"):
    text.pop(key, None)
text = {k: v for k, v in text.items() if v is not None}
text["model_type"] = "bert"
for key in ("id2label", "label2id"):
    text.pop(key, None)
(out / "config.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
print("torch", torch.__version__, "transformers", transformers.__version__,
      sum(v.numel() for v in state.values()), "parameters")
