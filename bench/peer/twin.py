#!/usr/bin/env python3
"""The PyTorch twin: fine-tunes the same model on the same GLUE files with the same recipe.

    python twin.py --model DIR --task rte --data GLUE --steps 20 --json          # seconds per step
    python twin.py --model DIR --task rte --data GLUE --epochs 3                 # a whole run
    python twin.py tokenise --model DIR --input texts.jsonl                      # the Rust library
    python twin.py products --widths 384x384,1536x384 --rows 1024 --threads 1    # torch.mm alone

A plain training loop on PyPI's torch and transformers, as the usual script has it without the
overhead of Trainer. compare.py runs it against evenkeel; README.md says what each setting is.
"""
import argparse
import json
import os
import random
import sys
import time

STARTED = time.perf_counter()  # before the imports below, which a start-up includes

# Variables that would change the thread pools or libraries of the twin behind its back.
FOREIGN = ("OPENBLAS", "GOTO", "BLIS", "MKL", "OMP", "GOMP", "KMP", "NVPL", "DNNL", "ONEDNN",
           "VECLIB", "NUMEXPR", "ATEN", "RAYON", "TOKENIZERS", "MALLOC")


# Settings of the OpenMP runtime and the allocator, of which one must be chosen before they load.
# Pinned or sleeping threads suffer less from other processes; keep: as bind, and freed memory of
# activations is not given back to the kernel, whose zeroing of pages costs every step.
ENVIRONMENTS = {
    "default": {},
    "bind": {"OMP_PROC_BIND": "true"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "keep": {"OMP_PROC_BIND": "true", "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
             "MALLOC_TRIM_THRESHOLD_": str(8 << 30), "MALLOC_TOP_PAD_": str(256 << 20)},
}


def settle_environment(chosen):
    """Starts this script again without the variables above and with the chosen ones: the
    libraries read them at load."""
    wanted = {name: value for name, value in os.environ.items()
              if name.split("_")[0] not in FOREIGN}
    wanted.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", **chosen})
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


# ---- data ----------------------------------------------------------------------------------------

# task: folder, columns of text, pair and label, has a header, label words in the order of head rows
TASKS = {
    "rte": ("RTE", "sentence1", "sentence2", "label", True, ("entailment", "not_entailment")),
    "mrpc": ("MRPC", "#1 String", "#2 String", "Quality", True, ("0", "1")),
    "cola": ("CoLA", 3, None, 1, False, ("0", "1")),
    "sst2": ("SST-2", "sentence", None, "label", True, ("0", "1")),
}


def read_task(task, data, name):
    """(texts, pairs or None, labels) of a file. GLUE's TSV has no quoting: a quote is text, a tab
    always separates; MRPC begins with a byte order mark, CoLA has no header."""
    folder, text, pair, label, header, words = TASKS[task]
    inner = os.path.join(data, folder)
    path = os.path.join(inner if os.path.isdir(inner) else data, name)
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [line.rstrip("\r") for line in file.read().split("\n")]
    rows = [line.split("\t") for line in lines if line]
    if header:
        names = rows.pop(0)
        text, pair, label = (None if x is None else names.index(x) for x in (text, pair, label))
    texts = [row[text] for row in rows]
    pairs = None if pair is None else [row[pair] for row in rows]
    return texts, pairs, [words.index(row[label]) for row in rows]


def tokenise(tokenizer, texts, pairs, max_length):
    """Once, before the first step; padding comes per batch."""
    encoded = tokenizer(texts, pairs, truncation=True, max_length=max_length)
    segments = encoded.get("token_type_ids") or [[0] * len(ids) for ids in encoded["input_ids"]]
    return list(zip(encoded["input_ids"], segments))


def collate(torch, examples, labels, picked, width, pad_id):
    """Tensors of one batch, padded to `width`, or to its longest example if that is None."""
    width = width or max(len(examples[i][0]) for i in picked)
    ids, segments, mask = [], [], []
    for i in picked:
        token_ids, types = examples[i]
        gap = width - len(token_ids)
        ids.append(token_ids + [pad_id] * gap)
        segments.append(types + [0] * gap)
        mask.append([1] * len(token_ids) + [0] * gap)
    return dict(input_ids=torch.tensor(ids), token_type_ids=torch.tensor(segments),
                attention_mask=torch.tensor(mask), labels=torch.tensor([labels[i] for i in picked]))


# ---- metrics -------------------------------------------------------------------------------------

def metrics_of(predicted, labels):
    """Accuracy, F1 of class 1, Matthews correlation."""
    pairs = list(zip(predicted, labels))
    tp, tn = pairs.count((1, 1)), pairs.count((0, 0))
    fp, fn = pairs.count((1, 0)), pairs.count((0, 1))
    root = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    return {"accuracy": (tp + tn) / len(pairs),
            "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
            "mcc": (tp * tn - fp * fn) / root if root else 0.0}


# ---- one run -------------------------------------------------------------------------------------

class Run:
    """Model, optimizer and schedule of one seed, and the loop over its batches."""

    def __init__(self, torch, transformers, options, total_steps, seed):
        self.torch, self.options, self.total_steps = torch, options, total_steps
        torch.manual_seed(seed)
        random.seed(seed)
        extra = {} if options.dropout is None else {
            "hidden_dropout_prob": options.dropout,
            "attention_probs_dropout_prob": options.dropout}
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            options.model, num_labels=2, attn_implementation=options.attention, **extra).float()
        self.optimizer = self.make_optimizer()
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: max(0.0, 1 - step / total_steps))

    def make_optimizer(self):
        """AdamW as Trainer sets it up: no decay on biases and LayerNorm."""
        options, named = self.options, list(self.model.named_parameters())
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        known = {id(p) for p in plain}
        groups = [{"params": [p for _, p in named if id(p) not in known],
                   "weight_decay": options.weight_decay},
                  {"params": plain, "weight_decay": 0.0}]
        return self.torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.999),
                                      eps=1e-8, fused=options.fused)

    def forward(self, batch):
        with self.torch.autocast("cpu", dtype=self.torch.bfloat16,
                                 enabled=self.options.precision == "bf16"):
            return self.model(**batch)

    def train_step(self, batch):
        loss = self.forward(batch).loss
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def train(self, data, on_step=None):
        """total_steps steps; returns the seconds and the loss of each, collating included."""
        seconds, losses, count = [], [], len(data.labels)
        self.model.train()
        while len(seconds) < self.total_steps:
            order = list(range(count))
            if self.options.shuffle:
                random.shuffle(order)
            for first in range(0, count, self.options.batch_size):
                began = time.perf_counter()
                picked = order[first:first + self.options.batch_size]
                losses.append(self.train_step(data.batch(picked)))
                seconds.append(time.perf_counter() - began)
                if on_step:
                    on_step(len(seconds), self.total_steps)
                if len(seconds) == self.total_steps:
                    break
        return seconds, losses

    def evaluate(self, data):
        """Metrics on all examples, and the seconds that took."""
        began, predicted = time.perf_counter(), []
        self.model.eval()
        with self.torch.inference_mode():
            for first in range(0, len(data.labels), self.options.batch_size):
                last = min(first + self.options.batch_size, len(data.labels))
                logits = self.forward(data.batch(range(first, last))).logits
                predicted += logits.argmax(-1).tolist()
        return metrics_of(predicted, data.labels), time.perf_counter() - began


class Data:
    """Tokenised examples of one file, and batches of them."""

    def __init__(self, torch, tokenizer, options, name):
        texts, pairs, self.labels = read_task(options.task, options.data, name)
        self.torch, self.pad_id = torch, tokenizer.pad_token_id
        self.examples = tokenise(tokenizer, texts, pairs, options.max_seq_length)
        self.width = options.max_seq_length if options.padding == "max" else None

    def batch(self, picked):
        return collate(self.torch, self.examples, self.labels, picked, self.width, self.pad_id)


def median(values):
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def say_first_step(step, total):
    """The line by which compare.py times a start; evenkeel prints the like."""
    if step == 1:
        print(f"step 1 of {total}", file=sys.stderr, flush=True)


def thread_facts(torch):
    lines = torch.__config__.parallel_info().split("\n")
    wanted = ("get_num_threads", "omp_get_max", "mkl_get_max", "backend")
    return "; ".join(line.strip() for line in lines if any(word in line for word in wanted))


def import_libraries(options):
    import torch
    import transformers
    torch.set_num_threads(options.threads)
    if options.interop_threads:
        torch.set_num_interop_threads(options.interop_threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return torch, transformers


def steps_of(options, count):
    """(warm-up steps, timed steps) of a run."""
    if options.epochs:
        return 0, int(options.epochs * -(-count // options.batch_size))
    return options.warmup_steps, options.steps


def run_seed(libraries, options, data, dev, seed):
    """One seed: trains, evaluates if asked to; what it took."""
    warmup, steps = steps_of(options, len(data.labels))
    run = Run(*libraries, options, warmup + steps, seed)
    seconds, losses = run.train(data, say_first_step)
    timed = seconds[warmup:]
    result = {"seed": seed, "steps": len(timed), "warmup_steps": warmup,
              "mean_seconds": sum(timed) / len(timed), "median_seconds": median(timed),
              "min_seconds": min(timed), "max_seconds": max(timed),
              "examples_per_second": options.batch_size * len(timed) / sum(timed),
              "losses": losses, "first_losses": sum(losses[:10]) / len(losses[:10]),
              "last_losses": sum(losses[-10:]) / len(losses[-10:])}
    if dev:
        result["metrics"], result["eval_seconds"] = run.evaluate(dev)
    return result


def train(options):
    if options.cores:
        os.sched_setaffinity(0, options.cores)
    libraries = torch, transformers = import_libraries(options)
    imported = time.perf_counter()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    data = Data(torch, tokenizer, options, "train.tsv")
    evaluates = options.evaluate or options.epochs
    dev = Data(torch, tokenizer, options, "dev.tsv") if evaluates else None
    runs = [run_seed(libraries, options, data, dev, seed) for seed in options.seeds]
    report({"runs": runs, "import_seconds": imported - STARTED, "threads": torch.get_num_threads(),
            "train_examples": len(data.labels), "train_label_1": sum(data.labels),
            "torch": torch.__version__, "transformers": transformers.__version__,
            "thread_pools": thread_facts(torch), "settings": vars(options)}, options.json)


def report(facts, as_json):
    if as_json:
        print(json.dumps(facts))
        return
    settings = facts["settings"]
    print(f"torch {facts['torch']}, transformers {facts['transformers']}, "
          f"{facts['threads']} threads ({facts['thread_pools']})")
    print(f"padding {settings['padding']}, {settings['precision']}, {settings['attention']}, "
          f"fused {settings['fused']}, environment {settings['environment']}, "
          f"{facts['train_examples']} examples")
    for run in facts["runs"]:
        print(f"seed {run['seed']}: {run['steps']} steps after {run['warmup_steps']}, "
              f"{run['median_seconds']:.4f} s a step (mean {run['mean_seconds']:.4f}), "
              f"{run['examples_per_second']:.1f} examples/s, loss {run['first_losses']:.4f} to "
              f"{run['last_losses']:.4f}")
        if "metrics" in run:
            print("  " + ", ".join(f"{name} {100 * value:.2f}"
                                   for name, value in run["metrics"].items()))


# ---- token ids -----------------------------------------------------------------------------------

def read_texts(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def tokenise_file(options):
    """What `evenkeel tokenize` does, by the Rust library: reads JSONL, writes JSONL (--output),
    or, without it, times the library call alone, as the best of both batch calls."""
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(options.model, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(options.max_seq_length)
    texts = read_texts(options.input)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            for one in tokenizer.encode_batch_fast(texts):  # offsets are not asked for
                file.write(json.dumps({"input_ids": one.ids, "token_type_ids": one.type_ids},
                                      separators=(",", ":")) + "\n")
        return
    seconds = {}
    for call in ("encode_batch", "encode_batch_fast"):  # the fast one computes no offsets
        seconds[call] = []
        for _ in range(options.repeats):
            encoded = None  # frees the last result outside the timing
            began = time.perf_counter()
            encoded = getattr(tokenizer, call)(texts)
            seconds[call].append(time.perf_counter() - began)
    print(json.dumps({"texts": len(texts), "tokens": sum(len(one.ids) for one in encoded),
                      "tokenizers": tokenizers.__version__, "seconds": seconds}))


# ---- command line --------------------------------------------------------------------------------

def number_list(text):
    """"1..4" or "1,3,5"."""
    if ".." in text:
        first, last = text.split("..")
        return list(range(int(first), int(last) + 1))
    return [int(item) for item in text.split(",")]


def parse_train():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", required=True, choices=sorted(TASKS))
    parser.add_argument("--data", required=True, help="GLUE folder, or the task's own")
    parser.add_argument("--padding", choices=("max", "dynamic"), default="max",
                        help="to max_seq_length, or to the longest example of the batch")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa")
    parser.add_argument("--fused", action=argparse.BooleanOptionalAction, default=True,
                        help="AdamW(fused=True)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--interop-threads", type=int, default=0, help="0: torch's default")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default="default",
                        help="of OpenMP and the allocator, see ENVIRONMENTS")
    parser.add_argument("--cores", type=number_list, help="pin the process to these cores")
    parser.add_argument("--steps", type=int, default=20, help="timed steps")
    parser.add_argument("--warmup-steps", type=int, default=3, help="untimed steps before them")
    parser.add_argument("--epochs", type=float, default=0, help="a whole run instead, evaluated")
    parser.add_argument("--evaluate", action="store_true", help="evaluate after the timed steps")
    parser.add_argument("--seeds", "--seed", type=number_list, default=[1], help="one run each")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--dropout", type=float, help="default: what config.json says")
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


# ---- matrix products -----------------------------------------------------------------------------

def time_products(options):
    """The three products of a linear layer by torch.mm, into a result that is there already: prints
    the median seconds of each, as {"forward 384x384": ...}."""
    import statistics
    import torch
    torch.set_num_threads(options.threads)
    seconds = {}
    for width in options.widths.split(","):
        n, k = (int(number) for number in width.split("x"))
        x, dy, weight = (torch.randn(*shape)
                         for shape in ((options.rows, k), (options.rows, n), (n, k)))
        for form, a, b in (("forward", x, weight.t()), ("input", dy, weight),
                           ("weight", dy.t(), x)):
            out, samples = torch.mm(a, b), []
            began = time.perf_counter()
            while len(samples) < 5 or time.perf_counter() - began < options.seconds:
                started = time.perf_counter()
                torch.mm(a, b, out=out)
                samples.append(time.perf_counter() - started)
            seconds[f"{form} {width}"] = statistics.median(samples)
    print(json.dumps(seconds))


def parse_products():
    parser = argparse.ArgumentParser(description="Times torch.mm.")
    parser.add_argument("what", choices=("products",))
    parser.add_argument("--widths", required=True, help="of linear layers: OUTxIN,...")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each product")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default="default")
    return parser.parse_args()


def parse_tokenise():
    parser = argparse.ArgumentParser(description="times the Rust tokenizers library, one thread")
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", required=True, help="JSONL, a text a line")
    parser.add_argument("--output", help="write ids as JSONL")
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args(sys.argv[2:])


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "tokenise":
        options = parse_tokenise()
        settle_environment({"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"})
        tokenise_file(options)
    elif len(sys.argv) > 1 and sys.argv[1] == "products":
        options = parse_products()
        settle_environment(ENVIRONMENTS[options.environment])
        time_products(options)
    else:
        options = parse_train()
        settle_environment(ENVIRONMENTS[options.environment])
        train(options)


if __name__ == "__main__":
    main()
