#!/usr/bin/env python3
"""Writes src/text/unicode_tables.c: what the Rust `tokenizers` library knows of Unicode.

The library mixes four versions of Unicode, and a tokenizer that is to give the same ids must too:

    general categories   8.0   (crate unicode_categories)
    decomposition        9.0   (crate unicode-normalization-alignments)
    "is it a word"      16.0   (crate regex, \\w)
    lower case          17.0   (Rust's char::to_lowercase)

Input is Debian's package unicode-data, version 15.0 (/usr/share/unicode: UnicodeData.txt,
DerivedAge.txt, DerivedCoreProperties.txt, PropList.txt). Older versions are what remains of it
below an age; the few characters whose properties changed since, and the newer ones, stand here as
exceptions. --check compares every code point with the Python package `tokenizers`.

    python3 scripts/make_unicode_tables.py > src/text/unicode_tables.c
    python3 scripts/make_unicode_tables.py --check
"""
import os
import sys

FOLDER = "/usr/share/unicode"
VERSION = "15.0.0"
LIMIT = 0x110000

# Characters whose general category was another one in Unicode 8.0.
CATEGORY_8 = {
    0x166D: "Po",   # CANADIAN SYLLABICS CHI SIGN: So since 12.0
    0x1734: "Mn",   # HANUNOO SIGN PAMUDPOD: Mc since 14.0
    0x1885: "Lo",   # MONGOLIAN LETTER ALI GALI BALUDA: Mn since 9.0
    0x1886: "Lo",   # MONGOLIAN LETTER ALI GALI THREE BALUDA: Mn since 9.0
    0xA9BD: "Mc",   # JAVANESE CONSONANT SIGN KERET: Mn since 11.0
    0x111C9: "Po",  # SHARADA SANDHI MARK: Mn since 11.0
}

# Lower case that is newer than 15.0 (Unicode 16.0 and 17.0): first, last, distance.
LOWER_NEWER = [
    (0x1C89, 0x1C89, 1),
    (0xA7CB, 0xA7CB, 0x0264 - 0xA7CB),
    (0xA7CC, 0xA7CC, 1),
    (0xA7CE, 0xA7CE, 1),
    (0xA7D2, 0xA7D2, 1),
    (0xA7D4, 0xA7D4, 1),
    (0xA7DA, 0xA7DA, 1),
    (0xA7DC, 0xA7DC, 0x019B - 0xA7DC),
    (0x10D50, 0x10D65, 0x20),
    (0x16EA0, 0x16EB8, 0x1B),
]

# Word characters that are newer than 15.0 (Unicode 15.1 and 16.0).
WORD_NEWER = """
0897 1C89-1C8A A7CB-A7CD A7DA-A7DC 105C0-105F3 10D40-10D65 10D69-10D6D 10D6F-10D85 10EC2-10EC4 10EFC
11380-11389 1138B 1138E 11390-113B5 113B7-113C0 113C2 113C5 113C7-113CA 113CC-113D3 113E1-113E2
116D0-116E3 11BC0-11BE0 11BF0-11BF9 11F5A 13460-143FA 16100-16139 16D40-16D6C 16D70-16D79 18CFF
1CCF0-1CCF9 1E5D0-1E5FA 2EBF0-2EE5D
"""

SPACE, CONTROL, PUNCTUATION, REORDERED = 1, 2, 4, 8
STAYS, DROPPED_MARK, DROPPED_STARTER = 0, 1, 2
LAST = 0x80000000


def scalar_values():
    return (c for c in range(LIMIT) if not 0xD800 <= c < 0xE000)


def read_ranges(name, key):
    """Code points of the property key in a file of "first..last ; key" lines."""
    found = set()
    with open(os.path.join(FOLDER, name), encoding="utf-8") as lines:
        for line in lines:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if len(fields) >= 2 and fields[1] == key:
                ends = [int(end, 16) for end in fields[0].split("..")]
                found.update(range(ends[0], ends[-1] + 1))
    return found


class Unicode:
    """The packaged Unicode Character Database."""

    def __init__(self):
        self.category, self.combining, self.decomposed, self.lower, self.age = {}, {}, {}, {}, {}
        first = None
        with open(os.path.join(FOLDER, "UnicodeData.txt"), encoding="utf-8") as lines:
            for line in lines:
                field = line.rstrip("\n").split(";")
                code = int(field[0], 16)
                if field[1].endswith(", First>"):
                    first = code
                    continue
                for c in range(first if field[1].endswith(", Last>") else code, code + 1):
                    self.category[c] = field[2]
                    self.combining[c] = int(field[3])
                    if field[5] and not field[5].startswith("<"):
                        self.decomposed[c] = [int(part, 16) for part in field[5].split()]
                    if field[13]:
                        self.lower[c] = int(field[13], 16)
        with open(os.path.join(FOLDER, "DerivedAge.txt"), encoding="utf-8") as lines:
            head = next(lines)
            if VERSION not in head:
                sys.exit(f"{FOLDER} is not Unicode {VERSION}, which the exceptions are for: {head}")
            for line in lines:
                line = line.split("#")[0].strip()
                if line:
                    ends, age = (field.strip() for field in line.split(";"))
                    ends = [int(end, 16) for end in ends.split("..")]
                    for c in range(ends[0], ends[-1] + 1):
                        self.age[c] = tuple(int(part) for part in age.split("."))


class Library:
    """What the library sees: the tables to write."""

    def __init__(self, ucd):
        self.ucd = ucd
        self.space = read_ranges("PropList.txt", "White_Space")
        self.lower = dict(ucd.lower)  # simple mappings are the full ones but for U+0130 (unicode.c)
        for first, last, distance in LOWER_NEWER:
            self.lower.update({c: c + distance for c in range(first, last + 1)})
        self.word = read_ranges("DerivedCoreProperties.txt", "Alphabetic")
        self.word |= read_ranges("PropList.txt", "Join_Control")
        self.word |= {c for c, category in ucd.category.items()
                      if category[0] == "M" or category in ("Nd", "Pc")}
        for item in WORD_NEWER.split():
            ends = [int(end, 16) for end in item.split("-")]
            self.word.update(range(ends[0], ends[-1] + 1))

    def category(self, c):
        if c in CATEGORY_8:
            return CATEGORY_8[c]
        return self.ucd.category.get(c, "Cn") if self.ucd.age.get(c, (99,)) <= (8, 0) else "Cn"

    def combining(self, c):
        return self.ucd.combining.get(c, 0) if self.ucd.age.get(c, (99,)) <= (9, 0) else 0

    def nfd(self, c):
        """Without Hangul, which is arithmetic."""
        parts = self.ucd.decomposed.get(c) if self.ucd.age.get(c, (99,)) <= (9, 0) else None
        return [c] if parts is None else [d for part in parts for d in self.nfd(part)]

    def flags(self, c):
        category, flags = self.category(c), 0
        if c in self.space:
            flags |= SPACE
        # What clean_text removes. Tab, newline and carriage return become spaces instead.
        if c in (0, 0xFFFD) or (category in ("Cc", "Cf", "Co") and c not in (9, 10, 13)):
            flags |= CONTROL
        if category[0] == "P" or (c < 128 and chr(c) in "$+<=>^`|~"):
            flags |= PUNCTUATION
        if self.combining(c) != 0 and category != "Mn":
            flags |= REORDERED
        return flags

    def stripped(self, c):
        """The decomposition without marks, or how c is dropped, or STAYS."""
        whole = self.nfd(c)
        kept = [d for d in whole if self.category(d) != "Mn"]
        if not kept:
            starter = any(self.combining(d) == 0 for d in whole)
            return DROPPED_STARTER if starter else DROPPED_MARK
        # The normalizer looks at the kept characters only: a dropped starter behind a kept mark
        # would end a run of marks unseen. There is no such character.
        for at, d in enumerate(whole):
            if self.combining(d) == 0 and self.category(d) == "Mn":
                assert not any(self.combining(k) for k in whole[:at] if self.category(k) != "Mn")
        assert len(kept) <= 4  # EK_UNICODE_STRIPPED_MAX
        return STAYS if kept == [c] else kept


def two_level(name, kind, values, out):
    """A table of LIMIT values as an index of blocks and the distinct blocks."""
    best = None
    for shift in range(5, 9):
        blocks, index = {}, []
        for start in range(0, LIMIT, 1 << shift):
            index.append(blocks.setdefault(tuple(values[start:start + (1 << shift)]), len(blocks)))
        while len(index) > 1 and index[-1] == index[-2]:
            index.pop()  # the last entry stands for all that follow
        size = len(index) * (1 if len(blocks) <= 256 else 2)
        size += (len(blocks) << shift) * (1 if kind == "uint8_t" else 2)
        if best is None or size < best[0]:
            best = (size, shift, blocks, index)
    _, shift, blocks, index = best
    index_kind = "uint8_t" if len(blocks) <= 256 else "uint16_t"
    out.append(f"static const {index_kind} {name}_index[{len(index)}] = {{")
    lines(index, out)
    out.append("};\n")
    flat = [value for block in blocks for value in block]
    out.append(f"static const {kind} {name}_blocks[{len(flat)}] = {{")
    lines(flat, out)
    out.append("};\n")
    out.append(f"static inline unsigned {name}_of(uint32_t c)\n{{")
    out.append(f"    uint32_t block = c >> {shift};")
    out.append(f"    block = block < {len(index)} ? block : {len(index) - 1};")
    out.append(f"    return {name}_blocks[((uint32_t){name}_index[block] << {shift}) | "
               f"(c & {(1 << shift) - 1})];\n}}\n")


def lines(values, out):
    line = "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > 100:
            out.append(line)
            line = "   "
        line += item
    out.append(line)


def ranges(values):
    """[first, last, value] of equal neighbours; values maps code points to values."""
    found = []
    for c in sorted(values):
        if found and found[-1][1] == c - 1 and found[-1][2] == values[c]:
            found[-1][1] = c
        else:
            found.append([c, c, values[c]])
    return found


HEAD = f"""/* Generated by scripts/make_unicode_tables.py from the Unicode Character Database {VERSION}
 * (https://www.unicode.org/license.txt; see NOTICE). Do not edit: change the generator.
 */
/* clang-format off */
#include "text/unicode_tables.h"
"""


def write(library):
    out = [HEAD]
    flags = [library.flags(c) for c in range(LIMIT)]
    two_level("flags", "uint8_t", flags, out)
    out.append("unsigned ek__unicode_flags(uint32_t c)\n{\n    return flags_of(c);\n}\n")

    distances = [0] + sorted({lower - c for c, lower in library.lower.items()})
    out.append(f"static const int32_t lower_distances[{len(distances)}] = {{")
    lines(distances, out)
    out.append("};\n")
    values = [distances.index(library.lower.get(c, c) - c) for c in range(LIMIT)]
    two_level("lower", "uint8_t", values, out)
    out.append("uint32_t ek__unicode_lower(uint32_t c)\n{\n"
               "    return c + (uint32_t)lower_distances[lower_of(c)];\n}\n")

    pool, places, values = [STAYS, DROPPED_MARK, DROPPED_STARTER], {}, []
    for c in range(LIMIT):
        stripped = library.stripped(c)
        if isinstance(stripped, list):
            sequence = tuple(stripped[:-1]) + (stripped[-1] | LAST,)
            if sequence not in places:
                places[sequence] = len(pool)
                pool.extend(sequence)
            stripped = places[sequence]
        values.append(stripped)
    out.append(f"const uint32_t ek__unicode_stripped[{len(pool)}] = {{")
    lines([f"0x{value:X}u" for value in pool], out)
    out.append("};\n")
    two_level("stripped", "uint16_t", values, out)
    out.append("unsigned ek__unicode_strip(uint32_t c)\n{\n    return stripped_of(c);\n}\n")

    classes = ranges({c: library.combining(c) for c in range(LIMIT) if flags[c] & REORDERED})
    out.append(f"const ek__unicode_range ek__unicode_combining[{len(classes)}] = {{")
    lines([f"{{0x{first:X}, 0x{last:X}, {value}}}" for first, last, value in classes], out)
    out.append("};")
    out.append(f"const size_t ek__unicode_combining_count = {len(classes)};\n")

    words = ranges({c: 1 for c in library.word})
    out.append(f"const ek__unicode_range ek__unicode_words[{len(words)}] = {{")
    lines([f"{{0x{first:X}, 0x{last:X}, 1}}" for first, last, _ in words], out)
    out.append("};")
    out.append(f"const size_t ek__unicode_words_count = {len(words)};")
    print("\n".join(out))


def check(library):
    """Every code point, against the library itself."""
    import tokenizers
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

    def normalizer(**on):
        off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False,
                   lowercase=False)
        return normalizers.BertNormalizer(**{**off, **on})

    clean, strip = normalizer(clean_text=True), normalizer(strip_accents=True)
    lower, nfd = normalizer(lowercase=True), normalizers.NFD()
    split = pre_tokenizers.BertPreTokenizer()
    word = Tokenizer(models.WordPiece({"[UNK]": 0, "<m>": 1}, unk_token="[UNK]"))
    word.add_tokens([AddedToken("<m>", single_word=True, normalized=False)])
    above = [0x301, 0x334, 0x31B, 0x323, 0x5B0, 0x64B]  # marks of six combining classes
    differences = []

    def expect(what, c, found, expected):
        if found != expected:
            differences.append(f"U+{c:04X} {what}: library {expected!a}, table {found!a}")

    for c in scalar_values():
        flags, text = library.flags(c), f"a{chr(c)}b"
        cleaned = "" if flags & CONTROL else \
            " " if flags & SPACE or c in (9, 10, 13) else chr(c)
        expect("clean", c, f"a{cleaned}b", clean.normalize_str(text))
        pieces = ["a", "b"] if flags & SPACE else \
            ["a", chr(c), "b"] if flags & PUNCTUATION else [text]
        expect("split", c, pieces, [piece for piece, _ in split.pre_tokenize_str(text)])
        lowered = "i\u0307" if c == 0x130 else chr(library.lower.get(c, c))
        expect("lower", c, f"a{lowered}b", lower.normalize_str(text))
        if not 0xAC00 <= c <= 0xD7A3:
            stripped = library.stripped(c)
            stripped = "".join(map(chr, stripped)) if isinstance(stripped, list) else \
                chr(c) if stripped == STAYS else ""
            expect("strip", c, f"a{stripped}b", strip.normalize_str(text))
        if library.nfd(c) == [c] and not 0xAC00 <= c <= 0xD7A3:
            for mark in above:
                pair = f"a{chr(mark)}{chr(c)}"
                swap = 0 < library.combining(c) < library.combining(mark)
                expect("order", c, f"a{chr(c)}{chr(mark)}" if swap else pair,
                       nfd.normalize_str(pair))
        alone = word.encode(chr(c) + "<m>").ids[-1:] == [1]
        expect("word", c, c not in library.word, alone)
    print("\n".join(differences[:50]))
    print(f"{len(differences)} differences from tokenizers {tokenizers.__version__}")
    return 1 if differences else 0


def main():
    library = Library(Unicode())
    if sys.argv[1:] == ["--check"]:
        sys.exit(check(library))
    write(library)


if __name__ == "__main__":
    main()
