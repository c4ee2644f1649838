#!/usr/bin/env python3
"""Compares token ids with the Rust library's, and speed. Run by hand; it needs the Python package
`tokenizers` and a C compiler, and is no part of the test run.

    python3 tests/golden/compare_tokens.py MODEL_DIR... --glue DATA_DIR --fuzz 200000
    python3 tests/golden/compare_tokens.py MODEL_DIR --speed SST2_TRAIN.tsv

The sources of base and text are built as a shared library in a temporary folder.
"""
import argparse
import ctypes
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 1024)]


class Options(ctypes.Structure):
    _fields_ = [("max_seq_length", ctypes.c_int), ("truncation", ctypes.c_int),
                ("special_in_text", ctypes.c_bool)]


class Encoding(ctypes.Structure):
    _fields_ = [("input_ids", ctypes.POINTER(ctypes.c_int32)),
                ("token_type_ids", ctypes.POINTER(ctypes.c_int32)),
                ("count", ctypes.c_size_t), ("full_count", ctypes.c_size_t),
                ("unknown_count", ctypes.c_size_t), ("capacity", ctypes.c_size_t),
                ("scratch", ctypes.c_void_p)]


def build(folder):
    library = os.path.join(folder, "libtext.so")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "jansson"], capture_output=True,
                           text=True, check=True).stdout.split()
    sources = glob.glob(f"{ROOT}/src/base/*.c") + glob.glob(f"{ROOT}/src/text/*.c")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", '-DEK_VERSION="0"', "-O2", "-shared",
                    "-fPIC", f"-I{ROOT}/src", "-o", library, *sources, *flags, "-lm"], check=True)
    return ctypes.CDLL(library)


class Ours:
    def __init__(self, library, folder):
        self.library, self.handle = library, ctypes.c_void_p()
        self.encoding, self.error = Encoding(), Error()
        if library.ek_tokenizer_open(ctypes.byref(self.handle), folder.encode(),
                                     ctypes.byref(self.error)):
            sys.exit(self.error.message.decode())

    def encode(self, text, pair=None, max_length=0, special=True):
        options = Options(max_length, 0, special)
        text = text.encode()
        pair = None if pair is None else pair.encode()
        if self.library.ek_tokenizer_encode(
                self.handle, ctypes.byref(options), text, ctypes.c_size_t(len(text)), pair,
                ctypes.c_size_t(len(pair or b"")), ctypes.byref(self.encoding),
                ctypes.byref(self.error)):
            sys.exit(self.error.message.decode())
        count = self.encoding.count
        return self.encoding.input_ids[:count], self.encoding.token_type_ids[:count]


def open_theirs(folder):
    theirs = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    theirs.no_padding()
    theirs.no_truncation()
    return theirs


def glue_pairs(folder):
    """(text, pair or None) of every row of the tasks, columns as docs say."""
    tables = {"RTE": (1, 2, True), "MRPC": (3, 4, True), "CoLA": (3, None, False),
              "SST-2": (0, None, True), "STS-B": (7, 8, True), "QNLI": (1, 2, True),
              "WNLI": (1, 2, True)}
    for task, (first, second, header) in tables.items():
        for name in ("train.tsv", "dev.tsv"):
            path = os.path.join(folder, task, name)
            if not os.path.exists(path) or (task == "SST-2" and name == "train.tsv"):
                continue
            with open(path, encoding="utf-8-sig", newline="") as lines:
                for number, line in enumerate(lines.read().split("\n")):
                    field = line.split("\t")
                    if (number == 0 and header) or len(field) <= (second or first):
                        continue
                    yield f"{task}/{name}", field[first], field[second] if second else None


def character(rng):
    """Mostly letters, then everything that Unicode has."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFG  .,'#-[]")
    if kind < 0.50:
        return chr(rng.randrange(0x80, 0x600))
    if kind < 0.60:
        return chr(rng.choice([0x300 + rng.randrange(0x70), 0x302E, 0x302F, 0x1D165, 0x1D16D,
                               0x1B44, 0xA953, 0x11234, 0x116B6, 0x1E000 + rng.randrange(0x2A),
                               0x1E944 + rng.randrange(7), 0x8D4 + rng.randrange(14), 0x5B0]))
    if kind < 0.80:
        return chr(rng.randrange(0x600, 0xD800))
    if kind < 0.90:
        return chr(rng.randrange(0xE000, 0x10000))
    return chr(rng.randrange(0x10000, rng.choice([0x20000, 0x30000, 0x110000])))


def fuzz_text(rng, added):
    words = []
    for _ in range(rng.randrange(1, 6)):
        if rng.random() < 0.15:
            words.append(rng.choice(added + ["[sep]", "[SE", "<"]))
        words.append("".join(character(rng) for _ in range(rng.randrange(0, 9))))
        if rng.random() < 0.02:
            words.append(chr(rng.choice([0x61, 0xE9, 0x4E00, 0x1F600])) * rng.randrange(98, 103))
    return rng.choice(["", " "]).join(words)


def compare(ours, theirs, cases, lengths):
    """Counts texts whose ids or segments differ."""
    texts = differences = 0
    for name, text, pair in cases:
        for length in lengths:
            if length:
                theirs.enable_truncation(length)
            else:
                theirs.no_truncation()
            special = texts % 5 < 4  # and sometimes "[SEP]" is ordinary text
            theirs.encode_special_tokens = not special
            expected = theirs.encode(text, pair)
            ids, segments = ours.encode(text, pair, length, special)
            texts += 1
            if ids != expected.ids or segments != expected.type_ids:
                differences += 1
                if differences <= 5:
                    print(f"{name}: {text!a} {pair!a} at {length}\n  ours   {ids}\n"
                          f"  theirs {expected.ids}")
    return texts, differences


def speed(ours, theirs, path):
    with open(path, encoding="utf-8") as lines:
        texts = [line.split("\t")[0] for line in lines.read().split("\n")[1:] if line]
    encoded = [text.encode() for text in texts]
    options, library = Options(128, 0, True), ours.library
    arguments = (ours.handle, ctypes.byref(options))
    tail = (None, ctypes.c_size_t(0), ctypes.byref(ours.encoding), ctypes.byref(ours.error))
    calls = [(*arguments, text, ctypes.c_size_t(len(text)), *tail) for text in encoded]

    def run_ours():
        encode = library.ek_tokenizer_encode
        for call in calls:
            encode(*call)

    def nothing():
        encode = library.ek_tokenizer_vocab_size
        for _ in calls:
            encode(ours.handle)

    theirs.enable_truncation(128)

    def one_by_one():
        for text in texts:
            theirs.encode(text)

    seconds = {}
    for name, call in (("ours", run_ours), ("ctypes", nothing),
                       ("encode_batch", lambda: theirs.encode_batch(texts)),
                       ("encode_batch_fast", lambda: theirs.encode_batch_fast(texts)),
                       ("encode", one_by_one)):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        seconds[name] = sorted(times)[2]
    print(json.dumps({"texts": len(texts), "seconds": seconds}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--glue")
    parser.add_argument("--fuzz", type=int, default=0)
    parser.add_argument("--speed")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder)
        for model in options.models:
            ours, theirs = Ours(library, model), open_theirs(model)
            if options.glue:
                texts, differences = compare(ours, theirs, glue_pairs(options.glue), (0, 128))
                print(f"{model}: GLUE, {texts} encodings, {differences} differences")
                bad += differences
            if options.fuzz:
                rng = random.Random(len(model))
                added = [token.content for token in theirs.get_added_tokens_decoder().values()]
                cases = (("fuzz", fuzz_text(rng, added),
                          fuzz_text(rng, added) if rng.random() < 0.3 else None)
                         for _ in range(options.fuzz))
                texts, differences = compare(ours, theirs, cases, (0, 16))
                print(f"{model}: random Unicode, {texts} encodings, {differences} differences")
                bad += differences
            if options.speed:
                speed(ours, theirs, options.speed)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
