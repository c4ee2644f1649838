"""The masked-LM loss of a model on masks that evenkeel wrote, by PyTorch and transformers.

    evenkeel eval --model MODEL --task mlm --input TEXT --dump-masks masks.jsonl --json
    python compare_mlm.py MODEL masks.jsonl [LOSS]

Prints blocks, masked tokens, mean cross-entropy (in double precision) and perplexity; with LOSS,
evenkeel's, the difference, and fails when it is above 1e-4.
"""
import json
import math
import sys

import torch
import transformers

transformers.utils.logging.set_verbosity_error()
model = transformers.BertForMaskedLM.from_pretrained(sys.argv[1]).double().eval()
blocks = [json.loads(line) for line in open(sys.argv[2])]
total, masked = 0.0, 0
with torch.no_grad():
    for first in range(0, len(blocks), 8):
        part = blocks[first:first + 8]
        longest = max(len(b["input_ids"]) for b in part)

        def pad(values, fill):
            return values + [fill] * (longest - len(values))

        ids = torch.tensor([pad(b["input_ids"], 0) for b in part])
        labels = torch.tensor([pad(b["labels"], -100) for b in part])
        seen = torch.tensor([pad([1] * len(b["input_ids"]), 0) for b in part])
        chosen = labels != -100  # the other rows' logits would be most of the work
        hidden = model.bert(input_ids=ids, attention_mask=seen).last_hidden_state[chosen]
        total += torch.nn.functional.cross_entropy(
            model.cls(hidden), labels[chosen], reduction="sum").item()
        masked += int(chosen.sum())
loss = total / masked
print(f"blocks {len(blocks)}, masked {masked}, loss {loss:.9f}, perplexity {math.exp(loss):.6f}")
if len(sys.argv) > 3:
    difference = float(sys.argv[3]) - loss
    print(f"difference {difference:.2e}")
    sys.exit(abs(difference) > 1e-4)
