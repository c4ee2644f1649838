#!/usr/bin/env python3
"""Runs evenkeel and the PyTorch twin in turn and prints how they compare. Standard library only.

    python3 bench/peer/compare.py --data GLUE                       # every case
    python3 bench/peer/compare.py --data GLUE --only rte,start --rounds 1
    python3 bench/peer/compare.py --data GLUE --python venv/bin/python

Without --python it makes a virtual environment in the cache folder and installs torch and
transformers from PyPI. Rows go to bench/results/MACHINE.csv. README.md says what each case and
setting is, and how the comparison is kept fair.
"""
import argparse
import csv
import datetime
import json
import os
import platform
import random
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TWIN = os.path.join(HERE, "twin.py")

# Variables that change thread pools or libraries: neither side sees any of them. LD_PRELOAD could
# bring another allocator or another OpenMP.
FOREIGN = ("OPENBLAS", "GOTO", "BLIS", "MKL", "OMP", "GOMP", "KMP", "NVPL", "DNNL", "ONEDNN",
           "VECLIB", "NUMEXPR", "ATEN", "RAYON", "TOKENIZERS", "EK", "MALLOC")
FOREIGN_WHOLE = ("LD_PRELOAD", "GLIBC_TUNABLES", "PYTHONPATH", "PYTHONSTARTUP")

FOLDERS = {"rte": "RTE", "mrpc": "MRPC", "cola": "CoLA", "sst2": "SST-2"}
BATCH = 16
# The recipe hf on both sides, with the batch of 16 and the decay that most scripts set.
RECIPE = ["--recipe", "hf", "--learning-rate", "5e-5", "--batch-size", str(BATCH),
          "--weight-decay", "0.01", "--max-seq-length", "128"]
STEPS = {"rte": 24, "mrpc": 24, "cola": 72}  # CoLA's sentences are short, its steps too
WARMUP = 4
SEEDS = 8
WORKERS = 2

TWINS = {"twin padded fp32": ("max", "fp32"), "twin dynamic fp32": ("dynamic", "fp32"),
         "twin padded bf16": ("max", "bf16"), "twin dynamic bf16": ("dynamic", "bf16")}

FIELDS = ["date", "machine", "cpu", "versions", "threads", "twin", "rounds", "case", "setting",
          "unit", "median", "min", "max", "examples_per_second", "others_cores", "against", "ratio",
          "ratio_min", "ratio_max"]


def die(message):
    sys.exit(f"compare.py: {message}")


# ---- the machine ---------------------------------------------------------------------------------

# (vendor, family, model, least stepping): name; the first that fits
CORES = [("GenuineIntel", 6, 85, 10, "cooperlake"), ("GenuineIntel", 6, 85, 5, "cascadelake"),
         ("GenuineIntel", 6, 85, 0, "skylake"), ("GenuineIntel", 6, 106, 0, "icelake"),
         ("GenuineIntel", 6, 143, 0, "sapphirerapids"),
         ("GenuineIntel", 6, 207, 0, "emeraldrapids"),
         ("GenuineIntel", 6, 173, 0, "graniterapids"), ("GenuineIntel", 6, 63, 0, "haswell"),
         ("GenuineIntel", 6, 79, 0, "broadwell"), ("AuthenticAMD", 23, 49, 0, "zen2"),
         ("AuthenticAMD", 23, 0, 0, "zen"), ("AuthenticAMD", 25, 17, 0, "zen4"),
         ("AuthenticAMD", 25, 97, 0, "zen4"), ("AuthenticAMD", 25, 160, 0, "zen4"),
         ("AuthenticAMD", 25, 1, 0, "zen3"), ("AuthenticAMD", 25, 33, 0, "zen3"),
         ("AuthenticAMD", 26, 0, 0, "zen5")]
ARM_PARTS = {"0xd0c": "neoverse-n1", "0xd40": "neoverse-v1", "0xd49": "neoverse-n2",
             "0xd4f": "neoverse-v2"}


def cpu_facts():
    """The first processor of /proc/cpuinfo as a dictionary."""
    facts = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                break
            key, _, value = line.partition(":")
            facts[key.strip()] = value.strip()
    return facts


def core_name(facts):
    if facts.get("CPU part") in ARM_PARTS:
        return ARM_PARTS[facts["CPU part"]]
    family, model, stepping = (int(facts.get(key, -1) or -1)
                               for key in ("cpu family", "model", "stepping"))
    for vendor, wanted_family, wanted_model, least, name in CORES:
        if (facts.get("vendor_id"), family) == (vendor, wanted_family) and \
                wanted_model in (model, 0) and stepping >= least:
            return name
    return ""


def describe_machine():
    """(slug, cpu in words, has bf16 instructions)."""
    facts = cpu_facts()
    name = facts.get("model name") or facts.get("CPU part") or platform.machine()
    core, count = core_name(facts), len(os.sched_getaffinity(0))
    maker = next((word for word in ("xeon", "epyc", "ryzen", "core") if word in name.lower()), "")
    slug = f"{maker}-{core}" if core else name
    slug = re.sub(r"\(r\)|\(tm\)|processor|cpu|@.*", " ", slug.lower())
    slug = re.sub(r"[^a-z0-9]+", "-", slug).strip("-") or "machine"
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    bf16 = any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    return f"{slug}-{count}c", f"{name}{f' ({core})' if core else ''}, {count} cores", bf16


def busy_seconds():
    """CPU time that all processes of the machine have had so far, stolen time included."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Wall time of a block, and how many cores other processes had meanwhile."""

    @staticmethod
    def own():
        usage = [resource.getrusage(who)
                 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in usage)

    def __enter__(self):
        self.began, self.busy, self.used = time.perf_counter(), busy_seconds(), self.own()
        return self

    def __exit__(self, *error):
        self.wall = time.perf_counter() - self.began
        others = busy_seconds() - self.busy - (self.own() - self.used)
        self.others = max(0.0, others / self.wall)


# ---- running things ------------------------------------------------------------------------------

def clean_environment():
    """The environment without variables that would help or cripple either side."""
    return {name: value for name, value in os.environ.items()
            if name.split("_")[0] not in FOREIGN and name not in FOREIGN_WHOLE}


def run(command, **keywords):
    """stdout of a command; dies with its stderr when it fails."""
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True,
                          **keywords)
    if done.returncode:
        die(f"{' '.join(command)}\nexited with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def time_to_first_step(command):
    """Seconds from exec to the line that says the first step is done; then ends the process."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:
        seconds = None
        for line in process.stderr:
            if "step 1 of" in line:
                seconds = time.perf_counter() - began
                break
        process.kill()
    return seconds if seconds is not None else die(f"no first step: {' '.join(command)}")


def wall_of_all(commands):
    """Wall time until the last of several commands that run side by side has ended."""
    began = time.perf_counter()
    running = [subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE) for command in commands]
    for process, command in zip(running, commands):
        _, error = process.communicate()
        if process.returncode:
            die(f"{' '.join(command)}\n{error.decode()[-2000:]}")
    return time.perf_counter() - began


class Bench:
    """What every case needs: where things are, and how each side is called."""

    def __init__(self, options, python, temporary):
        self.options, self.python, self.temporary = options, python, temporary
        self.out = os.path.join(temporary, "out")
        self.environment, self.attention = "default", "sdpa"

    def evenkeel(self, verb, task, data, *more, recipe=None):
        return [self.options.evenkeel, verb, "--model", self.options.model, "--task", task,
                "--data", data, *(recipe or RECIPE), "--no-shuffle", "--eval-steps", "0", *more]

    def twin(self, task, data, padding, precision, *more):
        return [self.python, TWIN, "--model", self.options.model, "--task", task, "--data", data,
                "--batch-size", str(BATCH), "--padding", padding, "--precision", precision,
                "--environment", self.environment, "--attention", self.attention,
                "--no-shuffle", "--json", *more]

    def train_seconds(self, task, data, precision, steps, recipe=None):
        """(training seconds, evaluation seconds) that one run of evenkeel records."""
        run(self.evenkeel("train", task, data, "--precision", precision, "--max-steps", str(steps),
                          "--threads", str(self.options.threads), "-o", self.out, "--force", "-q",
                          recipe=recipe))
        with sqlite3.connect(os.path.join(self.out, "store.db")) as store:
            row = store.execute("SELECT train_seconds, eval_seconds FROM runs").fetchone()
        store.close()
        return row

    def evenkeel_step(self, task, data, precision, steps, recipe=None):
        """(seconds a step, evaluation seconds) after the warm-up: the difference of two runs whose
        first steps are the same, because order and seed are."""
        short, _ = self.train_seconds(task, data, precision, WARMUP, recipe)
        long, evaluation = self.train_seconds(task, data, precision, WARMUP + steps, recipe)
        return (long - short) / steps, evaluation

    def twin_step(self, task, data, padding, precision, steps, *more):
        """(seconds a step, evaluation seconds or None) after the warm-up: the mean, as evenkeel's
        is, because with dynamic padding the median step is not the typical share of the total."""
        facts = json.loads(run(self.twin(
            task, data, padding, precision, "--threads", str(self.options.threads),
            "--steps", str(steps), "--warmup-steps", str(WARMUP), *more)))
        return facts["runs"][0]["mean_seconds"], facts["runs"][0].get("eval_seconds")


# ---- data ----------------------------------------------------------------------------------------

def task_folder(data, task):
    inner = os.path.join(data, FOLDERS[task])
    return inner if os.path.isdir(inner) else data


def read_lines(path):
    with open(path, "rb") as file:
        return [line for line in file.read().split(b"\n") if line]


def shuffled_copy(data, task, target, seed, dev_lines):
    """A GLUE folder whose training file has a shuffled order, so that both sides, in file order,
    take the same batches. A short dev file (None: all of it) spares time that no case counts."""
    folder = os.path.join(target, FOLDERS[task])
    os.makedirs(folder, exist_ok=True)
    for name in ("train.tsv", "dev.tsv"):
        lines = read_lines(os.path.join(task_folder(data, task), name))
        head = [] if task == "cola" else [lines.pop(0)]
        if name == "train.tsv":
            random.Random(seed).shuffle(lines)
        else:
            lines = lines[:dev_lines]
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"\n".join(head + lines) + b"\n")
    return target


# ---- the twin's best setting ---------------------------------------------------------------------

TUNING = [("default", "sdpa"), ("bind", "sdpa"), ("passive", "sdpa"), ("keep", "sdpa"),
          ("default", "eager"), ("keep", "eager")]


def tune_twin(bench):
    """Tries thread and allocator settings and both attentions in turn, on padded and on dynamic
    batches of RTE, and returns the one that took least over both."""
    data = shuffled_copy(bench.options.data, "rte", f"{bench.temporary}/data", 0, 16)
    seconds = {how: 0.0 for how in TUNING}
    for padding in ("max", "dynamic"):
        for how in TUNING:
            bench.environment, bench.attention = how
            step, _ = bench.twin_step("rte", data, padding, "fp32", 8)
            seconds[how] += step
            print(f"  tuning, padding {padding}, {' '.join(how)}: {step:.4f} s/step",
                  file=sys.stderr, flush=True)
    return min(TUNING, key=seconds.get)


def choose_twin(bench):
    """Sets what --twin names, or what the tuning finds where a case runs torch."""
    if bench.options.twin != "tune":
        bench.environment, bench.attention = bench.options.twin.split(",")
    elif any(case != "tokenise" for case in bench.options.only):
        bench.environment, bench.attention = tune_twin(bench)
    print(f"twin: environment {bench.environment}, attention {bench.attention}")


# ---- cases ---------------------------------------------------------------------------------------
# A case returns (unit, examples in one unit or None, {setting: function(round) -> value}, which
# settings are rivals). Values are seconds; a round calls every setting once, in order.

def case_task(bench, task):
    steps = bench.options.steps or STEPS[task]

    def data(number):
        return shuffled_copy(bench.options.data, task, f"{bench.temporary}/data", number, 16)

    def ours(precision):
        return lambda number: bench.evenkeel_step(task, data(number), precision, steps)[0]

    def theirs(padding, precision):
        return lambda number: bench.twin_step(task, data(number), padding, precision, steps)[0]

    settings = {}
    for precision in bench.options.precisions:  # in turn: one of ours, then the twins of its precision
        settings[f"evenkeel {precision}"] = ours(precision)
        settings.update({name: theirs(*how) for name, how in TWINS.items() if how[1] == precision})
    return "s/step", BATCH, settings


def twin_processes(bench, data, precision, steps):
    """As many one-thread twins as there are workers, each with its share of the seeds and a core
    of its own, as evenkeel's workers have."""
    cores, share = sorted(os.sched_getaffinity(0)), SEEDS // WORKERS
    return [bench.twin("rte", data, "dynamic", precision, "--threads", "1", "--cores",
                       str(cores[worker % len(cores)]), "--seeds",
                       f"{worker * share + 1}..{(worker + 1) * share}", "--steps", str(steps),
                       "--warmup-steps", "0", "--evaluate") for worker in range(WORKERS)]


def case_seeds(bench):
    steps = bench.options.steps or 10

    def data(number):
        return shuffled_copy(bench.options.data, "rte", f"{bench.temporary}/data", number, 16)

    def ours(jobs, precision):
        def measure(number):
            shutil.rmtree(bench.out, ignore_errors=True)
            return wall_of_all([bench.evenkeel(
                "study", "rte", data(number), "--seeds", f"1..{SEEDS}", "--max-steps", str(steps),
                "--precision", precision, "--jobs", str(jobs), "-o", bench.out, "-q")])
        return measure

    def theirs(precision):
        return lambda number: wall_of_all(twin_processes(bench, data(number), precision, steps))

    settings = {}
    for precision in bench.options.precisions if bench.options.has_bf16 else ("fp32",):
        settings[f"evenkeel {precision}, {WORKERS} workers"] = ours(WORKERS, precision)
        settings[f"twin dynamic {precision}, {WORKERS} processes"] = theirs(precision)
        settings[f"evenkeel {precision}, 1 worker"] = ours(1, precision)
    return f"s for {SEEDS} seeds of {steps} steps", SEEDS * steps * BATCH, settings


def case_stable20(bench):
    """Whole recipes, projected: steps x seconds a step + evaluations x seconds of one."""
    steps = bench.options.steps or STEPS["rte"]
    recipe = ["--recipe", "stable", "--batch-size", str(BATCH), "--max-seq-length", "128"]
    epoch = -(-(len(read_lines(os.path.join(task_folder(bench.options.data, "rte"), "train.tsv")))
                - 1) // BATCH)

    def data(number):
        return shuffled_copy(bench.options.data, "rte", f"{bench.temporary}/full", number, None)

    def project(epochs, step, evaluation):
        return epochs * (epoch * step + evaluation)

    def ours(precision):
        return lambda number: project(20, *bench.evenkeel_step(
            "rte", data(number), precision, steps, recipe))

    def theirs(precision):
        return lambda number: project(3, *bench.twin_step(
            "rte", data(number), "max", precision, steps, "--evaluate"))

    settings = {"twin padded fp32, 3 epochs": theirs("fp32")}
    for precision in bench.options.precisions:
        settings[f"evenkeel {precision}, stable, 20 epochs"] = ours(precision)
    return "s/recipe, projected", None, settings


def case_start(bench):
    data, threads = bench.options.data, ["--threads", str(bench.options.threads)]
    ours = bench.evenkeel("train", "rte", data, "--max-steps", "1000", *threads)
    theirs = bench.twin("rte", data, "dynamic", "fp32", "--steps", "1000", *threads)
    for command in (ours, theirs):
        time_to_first_step(command)  # fills the file cache
    return "s from exec to the end of step 1", None, {
        "evenkeel": lambda number: time_to_first_step(ours),
        "twin dynamic fp32": lambda number: time_to_first_step(theirs)}


# ---- token ids -----------------------------------------------------------------------------------

def training_texts(data):
    """Every text of the training files of RTE, MRPC, CoLA and SST-2; those of a pair one by one."""
    for task, columns in (("rte", (1, 2)), ("mrpc", (3, 4)), ("cola", (3,)), ("sst2", (0,))):
        for line in read_lines(os.path.join(task_folder(data, task), "train.tsv"))[task != "cola":]:
            field = line.decode("utf-8").rstrip("\r").split("\t")
            for column in columns:
                yield field[column]


def write_texts(data, folder):
    """The texts as JSONL for the commands, as lines for the loop in C; their number."""
    texts = list(training_texts(data))
    with open(f"{folder}/texts.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    with open(f"{folder}/texts.txt", "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    return len(texts)


def build_loop(folder):
    """tokenise_loop.c with the sources of base and text, optimised as the release build."""
    flags = run(["pkg-config", "--cflags", "--libs", "jansson", "libcrypto"]).split()
    sources = [os.path.join(ROOT, "src", room, name) for room in ("base", "text")
               for name in sorted(os.listdir(os.path.join(ROOT, "src", room)))
               if name.endswith(".c")]
    program = os.path.join(folder, "tokenise_loop")
    run(["cc", "-std=c11", "-D_GNU_SOURCE", '-DEK_VERSION="0"', "-O2", "-DNDEBUG",
         f"-I{ROOT}/src", "-o", program, os.path.join(HERE, "tokenise_loop.c"), *sources, *flags,
         "-lm"])
    return program


def case_tokenise(bench):
    folder, model = bench.temporary, bench.options.model
    count = write_texts(bench.options.data, folder)
    loop, repeats = build_loop(folder), "3"
    length = ["--max-seq-length", "128"]
    rust = [bench.python, TWIN, "tokenise", "--model", model, "--input", f"{folder}/texts.jsonl",
            *length]
    counts = {}

    def ours(number):
        facts = json.loads(run([loop, model, f"{folder}/texts.txt", repeats]))
        counts["ours"] = facts["tokens"]
        return statistics.median(facts["seconds"])

    def theirs(call):
        def measure(number):
            facts = json.loads(run([*rust, "--repeats", repeats]))
            if counts.get("ours") not in (None, facts["tokens"]):
                die(f"{counts['ours']} tokens here, {facts['tokens']} there")
            return statistics.median(facts["seconds"][call])
        return measure

    def command(number):
        with open(f"{folder}/ours.jsonl", "wb") as out:
            began = time.perf_counter()
            subprocess.run([bench.options.evenkeel, "tokenize", "--model", model, "--input",
                            f"{folder}/texts.jsonl", *length], env=clean_environment(), stdout=out,
                           check=True)
            return time.perf_counter() - began

    def script(number):
        seconds = wall_of_all([[*rust, "--output", f"{folder}/theirs.jsonl"]])
        if read_lines(f"{folder}/ours.jsonl") != read_lines(f"{folder}/theirs.jsonl"):
            die("the two sides gave different token ids")
        return seconds

    return f"s for {count} texts, one thread", count, {
        "evenkeel, library": ours, "tokenizers encode_batch": theirs("encode_batch"),
        "tokenizers encode_batch_fast": theirs("encode_batch_fast"),
        "evenkeel, command JSONL to JSONL": command, "tokenizers, script JSONL to JSONL": script}


LAYERS = {"minilm": ((384, 384), (1536, 384), (384, 1536)),
          "bert-base": ((768, 768), (3072, 768), (768, 3072))}
PRODUCT_ROWS = 1024


def case_products(bench):
    """Sums over the medians of nine products: three widths of a layer, in three forms."""
    threads = str(bench.options.threads)

    def ours(shape):
        def measure(number):
            table = csv.DictReader(run([
                bench.options.evenkeel, "bench", "-q", "--section", "gemm", "--shape", shape,
                "--precision", "fp32", "--threads", threads, "--csv"]).splitlines())
            rates = {row["name"]: float(row["value"]) for row in table
                     if row["rows"] == str(PRODUCT_ROWS) and row["threads"] == threads}
            return sum(2e-9 * PRODUCT_ROWS * n * k / rates[f"{form} {n}x{k}"]
                       for n, k in LAYERS[shape] for form in ("forward", "input", "weight"))
        return measure

    def theirs(shape):
        def measure(number):
            widths = ",".join(f"{n}x{k}" for n, k in LAYERS[shape])
            return sum(json.loads(run([
                bench.python, TWIN, "products", "--widths", widths, "--rows", str(PRODUCT_ROWS),
                "--threads", threads, "--environment", bench.environment])).values())
        return measure

    settings = {}
    for shape in LAYERS:
        settings.update({f"evenkeel {shape}": ours(shape), f"torch.mm {shape}": theirs(shape)})
    return f"s for 9 products, {PRODUCT_ROWS} rows", None, settings


CASES = {"rte": lambda bench: case_task(bench, "rte"),
         "mrpc": lambda bench: case_task(bench, "mrpc"),
         "cola": lambda bench: case_task(bench, "cola"), "seeds": case_seeds,
         "stable20": case_stable20, "tokenise": case_tokenise, "start": case_start,
         "products": case_products}


def comparable(ours, theirs):
    """Whether a ratio of the two settings of a case says something."""
    if ours == theirs or theirs.startswith("evenkeel") and "worker" not in theirs:
        return False
    if theirs.startswith("torch.mm"):
        return ours.split()[-1] == theirs.split()[-1]
    whole = "JSONL" in ours, "JSONL" in theirs
    return ours.startswith("evenkeel") and whole[0] == whole[1]


# ---- rounds, table, rows -------------------------------------------------------------------------

def measure(settings, rounds):
    """{setting: ([value of each round], most cores that others had)}; settings take turns."""
    values = {name: [] for name in settings}
    others = {name: 0.0 for name in settings}
    for number in range(1, rounds + 1):
        for name, call in settings.items():
            with Watch() as watch:
                values[name].append(call(number))
            others[name] = max(others[name], watch.others)
            print(f"  round {number}: {name}: {values[name][-1]:.4f}"
                  f"{f' (others had {watch.others:.2f} cores)' if watch.others > 0.1 else ''}",
                  file=sys.stderr, flush=True)
    return values, others


def ratio_of(ours, theirs):
    """How many times slower the other is: of medians, and least and most over the rounds."""
    each = [b / a for a, b in zip(ours, theirs)]
    return statistics.median(theirs) / statistics.median(ours), min(each), max(each)


def rows_of(case, unit, examples, values, others):
    """One row a setting, and one more for each rival of a setting of ours."""
    rows = []
    for name, seconds in values.items():
        middle = statistics.median(seconds)
        row = {"case": case, "setting": name, "unit": unit, "rounds": len(seconds),
               "median": f"{middle:.5g}", "min": f"{min(seconds):.5g}",
               "max": f"{max(seconds):.5g}", "others_cores": f"{others[name]:.2f}",
               "examples_per_second": f"{examples / middle:.5g}" if examples else ""}
        rows.append(row)
        for rival, theirs in values.items():
            if comparable(name, rival):
                ratio, least, most = ratio_of(seconds, theirs)
                rows.append({**row, "against": rival, "ratio": f"{ratio:.3f}",
                             "ratio_min": f"{least:.3f}", "ratio_max": f"{most:.3f}"})
    return rows


def print_table(rows):
    print(f"\n{rows[0]['case']} ({rows[0]['unit']})")
    for row in rows:
        if "against" in row:
            print(f"    {row['ratio']:>8} times as fast as {row['against']} "
                  f"[{row['ratio_min']}, {row['ratio_max']}]")
        else:
            rate = row["examples_per_second"]
            print(f"  {row['setting']:<36} {row['median']:>9} [{row['min']}, {row['max']}]"
                  f"{f'  {rate} examples/s' if rate else ''}")


def append_rows(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = not os.path.exists(path)
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


# ---- setting up ----------------------------------------------------------------------------------

def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("EK_CACHE") or os.path.join(base, "evenkeel")


def find_python(options):
    """The interpreter of the twin: --python, or one with PyPI's current torch, made once."""
    if options.python:
        return options.python
    folder = os.path.join(cache_folder(), "peer-venv")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, ".complete")):
        print(f"installing torch and transformers from PyPI in {folder}", file=sys.stderr)
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([python, "-m", "pip", "install", "--quiet", "torch", "transformers"])
        open(os.path.join(folder, ".complete"), "w", encoding="utf-8").close()
    return python


def versions_of(options, python):
    ours = run([options.evenkeel, "--version"]).split("\n")[0]
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True).stdout.strip()
    theirs = run([python, "-c", "import torch, transformers, tokenizers; print('torch', "
                  "torch.__version__ + ', transformers', transformers.__version__ + "
                  "', tokenizers', tokenizers.__version__)"]).strip()
    return f"{ours}{f' ({commit})' if commit else ''}, {theirs}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder that holds RTE, MRPC, CoLA, SST-2")
    parser.add_argument("--model", default=os.path.join(cache_folder(), "minilm"),
                        help="default: what scripts/fetch.sh minilm fetched")
    parser.add_argument("--evenkeel", default=os.path.join(ROOT, "build/release/evenkeel"))
    parser.add_argument("--python", help="interpreter that has torch and transformers")
    parser.add_argument("--only", default=",".join(CASES), help="cases: " + ", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("fp32", "bf16", "both"), default="both",
                        help="of both sides; one alone takes half the time")
    parser.add_argument("--steps", type=int, default=0, help="timed steps a measurement")
    parser.add_argument("--twin", default="tune", metavar="ENVIRONMENT,ATTENTION",
                        help="as twin.py has them, like default,sdpa; or tune, which tries them")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--machine", help="name of the CSV file")
    parser.add_argument("--output", help="CSV file (default: bench/results/MACHINE.csv)")
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.precisions = ("fp32", "bf16") if options.precision == "both" else (options.precision,)
    unknown = [name for name in options.only if name not in CASES]
    if unknown:
        die(f"unknown case {unknown[0]}; there are: {', '.join(CASES)}")
    if not os.access(options.evenkeel, os.X_OK):
        die(f"no program {options.evenkeel}: build it, or name it with --evenkeel")
    if options.twin != "tune" and options.twin.count(",") != 1:
        die(f"--twin {options.twin}: needs ENVIRONMENT,ATTENTION, like default,sdpa")
    return options


def main():
    options = parse()
    slug, cpu, options.has_bf16 = describe_machine()
    machine = options.machine or slug
    path = options.output or os.path.join(ROOT, "bench", "results", f"{machine}.csv")
    python = find_python(options)
    common = {"date": datetime.date.today().isoformat(), "machine": machine, "cpu": cpu,
              "versions": versions_of(options, python), "threads": options.threads}
    print(f"{machine}: {cpu}, {options.threads} threads\n{common['versions']}")
    with tempfile.TemporaryDirectory(prefix="peer") as temporary:
        bench = Bench(options, python, temporary)
        choose_twin(bench)
        common["twin"] = f"{bench.environment},{bench.attention}"
        for case in options.only:
            unit, examples, settings = CASES[case](bench)
            values, others = measure(settings, options.rounds)
            rows = rows_of(case, unit, examples, values, others)
            append_rows(path, [{**common, **row} for row in rows])
            print_table(rows)
    print(f"\nrows added to {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
