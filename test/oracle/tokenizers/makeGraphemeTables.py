#!/usr/bin/env python3
"""Makes runtime/tokenizers/unicode/Graphemes.inc: every scalar's class in the segmentation into
extended grapheme clusters, by asking the Precompiled normalizer of the tokenizers 0.22.2 wheel.

A charsmap whose keys are all single bytes replaces each grapheme of fewer than 6 bytes by one dot,
and each character of a longer one by a dot. Counting dots shows where the boundaries are.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import makeUnicodeTables as tables
from tokenizers import normalizers as N

# In the order of runtime/tokenizers/Graphemes.cpp.
(OTHER, CONTROL, EXTEND, JOINER, SPACING_MARK, PREPEND, PICTOGRAPHIC, REGIONAL, LEAD, VOWEL, TRAIL,
 LEAD_VOWEL, LEAD_VOWEL_TRAIL, CONSONANT) = range(14)
LINKS, EXTENDS_CONJUNCT = 16, 32  # flags: Indic_Conjunct_Break=Linker and =Extend


def dots():
    """The charsmap: one double array over the bytes 1 to 255, each leading to "."."""
    units = [0] * 1024
    units[0] = 256 << 10
    for byte in range(1, 256):
        units[256 ^ byte] = byte | 1 << 8 | 512 << 10
        units[256 ^ byte ^ 512] = 1 << 31
    blob = struct.pack("<I1024I", 4096, *units) + b".\0"
    form = N.Precompiled(blob).normalize_str
    return lambda text: len(form(text))


def classes(count):
    """(class, flags) of each scalar."""
    mark, joiner, ka, virama = "\u0301", "\u200d", "\u0915", "\u094d"
    assert count("a" + mark) == 1 and count(mark + "a") == 2 and count(ka + virama) == 2
    for c in tables.SCALARS:
        s = chr(c)
        attached = count("a" + s) == 1
        prepends = c > 0x7F and count(s + "a") == 1
        separate = count("\u0600\u0600" + s) == 2  # two prepended signs join what is no control
        pictographic = not attached and count("\u00a9" + joiner + s) == 3
        beforeLead = count(s + "\u1100" + mark) == 3
        beforeVowel = count(s + "\u1161" + mark) == 3
        beforeTrail = count(s + "\u11a8" + mark) == 3
        consonant = count(s + virama + ka + mark) == 4
        flags = 0
        if c == 0x200D:
            kind = JOINER
        elif attached:
            kind = EXTEND if count("\u00a9" + s + joiner + "\u00a9" + mark) == 5 else SPACING_MARK
        elif separate:
            kind = CONTROL
        elif prepends:
            kind = PREPEND
        elif pictographic:
            kind = PICTOGRAPHIC
        elif beforeLead:
            kind = LEAD
        elif beforeVowel:
            # A vowel joins a vowel before it; of a four-byte one that cannot be seen.
            kind = VOWEL if len(s.encode()) == 4 or count("\u1161" + s + mark) == 3 else LEAD_VOWEL
        elif beforeTrail:
            kind = TRAIL if count("\u11a8" + s + mark) == 3 else LEAD_VOWEL_TRAIL
        elif consonant:
            kind = CONSONANT
        else:
            kind = OTHER
        if kind in (EXTEND, JOINER, SPACING_MARK):
            if count(ka + s + ka + mark) == 4:
                flags = LINKS
            elif count(ka + s + virama + ka + mark) == 5:
                flags = EXTENDS_CONJUNCT
        if 0x1F1E6 <= c <= 0x1F1FF:  # pairs are eight bytes long: not to be seen either
            assert kind == OTHER
            kind = REGIONAL
        yield c, kind | flags


def main():
    table = [0] * 0x110000
    for c, value in classes(dots()):
        table[c] = value
    for kind in range(14):
        print(kind, sum(1 for v in table if v & 15 == kind))
    print("linkers", [hex(c) for c, v in enumerate(table) if v & LINKS])
    kinds, blocks, index = {}, {}, []
    for start in range(0, 0x110000, 128):
        block = tuple(table[start:start + 128])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) < 65536
    tables.emit("Graphemes.inc", "Grapheme cluster classes. Made by makeGraphemeTables.py through",
                tables.array("std::uint16_t", "graphemeIndex", index) +
                tables.array("std::uint8_t", "graphemeBlocks", [v for b in blocks for v in b]))


if __name__ == "__main__":
    main()
