#!/usr/bin/env python3
"""Makes runtime/tokenizers/unicode/*.inc by asking the tokenizers 0.22.2 wheel about every scalar.

The wheel mixes Unicode versions (BERT's classes, normal forms, case, regex classes), so its
answers, not a Unicode release, are the tables. Run with the oracle's Python; takes minutes.
"""
import hashlib
import os
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers as N, pre_tokenizers as P

assert tokenizers.__version__ == "0.22.2", tokenizers.__version__
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../runtime/tokenizers/unicode")
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)

# One bit a property; Unicode.h names them in this order.
DROPPED, BERT_SPACE, CJK, MN, MARK, PUNCTUATION, WHITESPACE, NUMERIC = (1 << i for i in range(8))
WORD, RX_SPACE, LETTER, NUMBER, ONIG_SPACE, LOWERS, CANONICAL, COMPAT = (1 << i for i in range(8, 16))
COMPOSES = 1 << 16


def ask(function):
    return {c: function(chr(c)) for c in SCALARS}


def properties(nfd, nfkd, lower, ccc, seconds):
    clean = N.BertNormalizer(True, False, False, False).normalize_str
    cjk = N.BertNormalizer(False, True, False, False).normalize_str
    stripMn = N.BertNormalizer(False, False, True, False).normalize_str
    stripMarks = N.StripAccents().normalize_str
    punctuation = P.Punctuation("isolated").pre_tokenize_str
    bert = P.BertPreTokenizer().pre_tokenize_str
    space = P.WhitespaceSplit().pre_tokenize_str
    digits = P.Digits(True).pre_tokenize_str
    word = P.Whitespace().pre_tokenize_str
    letter = P.Split(Regex(r"\p{L}"), "removed").pre_tokenize_str
    number = P.Split(Regex(r"\p{N}"), "removed").pre_tokenize_str
    onigSpace = P.Split(Regex(r"\s"), "removed").pre_tokenize_str
    table = [0] * 0x110000
    for c in SCALARS:
        s, bits = chr(c), 0
        cleaned = clean(s)
        if cleaned == "":
            bits |= DROPPED
        elif cleaned == " ":
            bits |= BERT_SPACE
        else:
            assert cleaned == s
        if cjk(s) != s:
            assert cjk(s) == " " + s + " "
            bits |= CJK
        if nfd[c] == s and stripMn(s) == "":
            bits |= MN
        if stripMarks(s) == "":
            bits |= MARK
        around = "a" + s + "a"
        if len(punctuation(around)) > 1:
            bits |= PUNCTUATION
        pieces = [p for p, _ in space(around)]
        if pieces == ["a", "a"]:
            bits |= WHITESPACE
        bertPieces = [p for p, _ in bert(around)]
        expected = ["a", "a"] if bits & WHITESPACE else ["a", s, "a"] if bits & PUNCTUATION else [around]
        assert bertPieces == expected, hex(c)
        if len(digits(around)) > 1:
            bits |= NUMERIC
        pieces = [p for p, _ in word(around)]
        if pieces == [around]:
            bits |= WORD
        elif pieces == ["a", "a"]:
            bits |= RX_SPACE
        else:
            assert pieces == ["a", s, "a"]
        bits |= LETTER if not letter(s) else 0
        bits |= NUMBER if not number(s) else 0
        bits |= ONIG_SPACE if not onigSpace(s) else 0
        bits |= LOWERS if lower[c] != s else 0
        bits |= CANONICAL if nfd[c] != s or c in ccc else 0
        bits |= COMPAT if nfkd[c] != s or c in ccc else 0
        bits |= COMPOSES if c in seconds else 0
        table[c] = bits
    return table


def combiningClasses(nfd):
    """Classes by where NFD moves a mark among one reference mark of each known class."""
    form = N.NFD().normalize_str
    stable = [c for c in SCALARS if nfd[c] == chr(c)]
    moved = lambda first, second: form(first + second) != first + second
    marks = [c for c in stable if moved("\u0345", chr(c)) or moved(chr(c), "\u0334")]
    references = {}
    for c in marks:
        known = unicodedata.combining(chr(c))
        if known and known not in references:
            references[known] = chr(c)
    result = {}
    for c in marks:
        equal = [k for k, r in references.items() if not moved(r, chr(c)) and not moved(chr(c), r)]
        assert len(equal) == 1, (hex(c), equal)
        result[c] = equal[0]
    return result


def compositions(nfd, nfc):
    compose = N.NFC().normalize_str
    pairs = {}
    for c in SCALARS:
        if c in HANGUL or nfd[c] == chr(c) or nfc[c] != chr(c):
            continue
        first, second = compose(nfd[c][:-1]), nfd[c][-1]
        assert len(first) == 1 and compose(first + second) == chr(c), hex(c)
        pairs[(ord(first), ord(second))] = c
    return pairs


def rows(values, form="%d"):
    text, line = [], ""
    for v in values:
        item = form % v + ","
        if len(line) + len(item) > 95:
            text.append(line)
            line = ""
        line += item
    return "\n".join(text + [line]) + "\n"


def array(kind, name, values, form="%d"):
    return f"inline constexpr {kind} {name}[] = {{\n{rows(values, form)}}};\n"


def emit(name, title, body):
    digest = hashlib.sha256(body.encode()).hexdigest()
    with open(os.path.join(OUT, name), "w") as f:
        f.write(f"// {title} Made by test/oracle/tokenizers/makeUnicodeTables.py\n"
                f"// from the answers of tokenizers 0.22.2. sha256 of what follows this comment:\n"
                f"// {digest}\n")
        f.write(body)
    print(name, len(body), digest)


def twoLevel(table):
    classes, kinds = {}, []
    for bits in table:
        if bits not in classes:
            classes[bits] = len(kinds)
            kinds.append(bits)
    assert len(kinds) <= 256, len(kinds)
    blocks, index = {}, []
    for start in range(0, 0x110000, 128):
        block = tuple(classes[b] for b in table[start:start + 128])
        index.append(blocks.setdefault(block, len(blocks)))
    print("classes", len(kinds), "blocks", len(blocks))
    flat = [v for block in blocks for v in block]
    return (array("std::uint32_t", "propertyClasses", kinds) +
            array("std::uint16_t", "propertyIndex", index) +
            array("std::uint8_t", "propertyBlocks", flat))


def forms(name, mapping):
    """Sorted code points, the start of each one's expansion in a pool, and the pool."""
    keys = sorted(mapping)
    starts, pool = [], []
    for c in keys:
        starts.append(len(pool))
        pool += [ord(x) for x in mapping[c]]
    starts.append(len(pool))
    return (array("std::uint32_t", name + "Keys", keys, "%#x") +
            array("std::uint16_t", name + "Starts", starts) +
            array("std::uint32_t", name + "Pool", pool, "%#x"))


def main():
    nfd, nfkd = ask(N.NFD().normalize_str), ask(N.NFKD().normalize_str)
    nfc, lower = ask(N.NFC().normalize_str), ask(N.Lowercase().normalize_str)
    print("asked forms", file=sys.stderr)
    ccc = combiningClasses(nfd)
    pairs = compositions(nfd, nfc)
    table = properties(nfd, nfkd, lower, ccc, {second for _, second in pairs} |
                       set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3)))
    emit("Properties.inc", "Character properties.", twoLevel(table))
    canonical = {c: nfd[c] for c in SCALARS if nfd[c] != chr(c) and c not in HANGUL}
    compat = {c: nfkd[c] for c in SCALARS
              if nfkd[c] != chr(c) and c not in HANGUL and nfkd[c] != nfd[c]}
    marks = sorted(ccc)
    order = sorted(pairs)
    emit("Forms.inc", "Lower case, decompositions, compositions, combining classes.",
         forms("lower", {c: lower[c] for c in SCALARS if lower[c] != chr(c)}) +
         forms("canonical", canonical) + forms("compat", compat) +
         array("std::uint32_t", "markKeys", marks, "%#x") +
         array("std::uint8_t", "markClasses", [ccc[c] for c in marks]) +
         array("std::uint32_t", "composeFirst", [a for a, _ in order], "%#x") +
         array("std::uint32_t", "composeSecond", [b for _, b in order], "%#x") +
         array("std::uint32_t", "composeResult", [pairs[p] for p in order], "%#x"))


if __name__ == "__main__":
    main()
