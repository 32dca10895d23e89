# Mutants of safetensors files: our verdict against that of Python's safetensors, outside the
# deviations that runtime/io/SafeTensors.h lists. Usage: compare_with_python.py VERDICTS [COUNT]
import json
import random
import re
import struct
import subprocess
import sys

from safetensors import deserialize

WORDS = [b'null', b'true', b'-1', b'-0', b'1.0', b'1e2', b'0', b'1', b'4', b'8', b'12', b'"F32"',
         b'"F16"', b'"F4"', b'"F6_E2M3"', b'"I64"', b'"BOOL"', b'"x"', b'[]', b'{}', b'[0,4]',
         b'18446744073709551615', b'18446744073709551616', b'4611686018427387904', b'""',
         b'\\u0064', b'\\ud800', b' ', b'\n', b'"__metadata__":{},', b'"__metadata__":null,',
         b'"dtype":"F32",', b'"shape":[1],', b'"data_offsets":[0,4],', b'"extra":[1,{"a":2}],']
SEEDS = [
    b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},'
    b'"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}',
    b'{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2],"x":[1]},'
    b'"e":{"dtype":"I64","shape":[0,3],"data_offsets":[2,2]},'
    b'"c":{"dtype":"BOOL","shape":[2],"data_offsets":[2,4]}}',
    b'{}   ',
]


TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[0-9.eE+-]+|[a-z]+|.', re.S)
ENTRIES = [b'"extra":[1,{"a":2}],', b'"shape":[1],', b'"dtype":"F32",', b'"data_offsets":[0,4],',
           b'"data_offsets":[0,0],', b'"__metadata__":{},', b'"__metadata__":null,',
           b'"__metadata__":{"a":"b"},', b'"__metadata__":{"a":1},', b'"x":{},', b'"":null,',
           b'"z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},',
           b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},',
           b'"d":["F32",[1],[0,4]],', b'"d":{"dtype":{"F32":null},"shape":[],"data_offsets":[0,4]},']


def mutate(rng, text):
    """Mostly whole tokens and entries, so that many mutants get past the JSON."""
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        tokens = TOKEN.findall(text)
        if not tokens:
            break
        at = rng.randrange(len(tokens))
        kind = rng.randrange(7)
        if kind == 0:
            raw = bytearray(text)
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            text = bytes(raw)
        elif kind == 1:
            text = b"".join(tokens[:at] + tokens[at + rng.randint(1, 3):])
        elif kind == 2:
            text = b"".join(tokens[:at] + [rng.choice(WORDS)] + tokens[at:])
        elif kind == 3:
            opens = [i for i, t in enumerate(tokens) if t == b"{"] or [0]
            at = rng.choice(opens) + 1
            text = b"".join(tokens[:at] + [rng.choice(ENTRIES)] + tokens[at:])
        else:
            same = [i for i, t in enumerate(tokens) if t[:1].isdigit() or t[:1] == b'"']
            if same:
                at = rng.choice(same)
                pool = [t for t in tokens if t[:1] == tokens[at][:1]] + WORDS
                text = b"".join(tokens[:at] + [rng.choice(pool)] + tokens[at + 1:])
    return text


def data_size(rng, header):
    """Usually what the offsets ask for, so that sizes are not all that is tested."""
    ends = [int(e) for e in re.findall(rb"data_offsets\"?: *\[[0-9]+,([0-9]+)\]", header)]
    ends = [e for e in ends if e < 1000]
    return max(ends, default=0) if rng.random() < 0.85 else rng.choice([0, 1, 2, 4, 8, 12])


class Deviation(Exception):
    pass


def pairs_of(items):
    keys = [k for k, _ in items]
    if len(keys) != len(set(keys)):
        raise Deviation("duplicate key")
    return dict(items)


def is_deviation(header):
    """One of the written list: duplicate keys, array entries, dtype as an object."""
    try:
        root = json.loads(header, object_pairs_hook=pairs_of)
    except Deviation:
        return True
    for name, entry in root.items():
        if name != "__metadata__" and isinstance(entry, list):
            return True
        if isinstance(entry, dict) and isinstance(entry.get("dtype"), dict):
            return True
    return False


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    rng = random.Random(7)
    files = []
    while len(files) < count:
        header = mutate(rng, rng.choice(SEEDS))
        data = data_size(rng, header)
        length = len(header) + (rng.choice([-1, 1, 8, 1 << 40]) if rng.random() < 0.02 else 0)
        files.append(struct.pack("<Q", max(0, length)) + header + bytes(data))
    stream = b"".join(struct.pack("<I", len(f)) + f for f in files)
    ours = subprocess.run([sys.argv[1], "safetensors"], input=stream, capture_output=True,
                          check=True).stdout.decode().splitlines()
    assert len(ours) == len(files), (len(ours), len(files))
    accepted = deviations = wrong = 0
    for file, verdict in zip(files, ours):
        try:
            deserialize(file)
            theirs = True
        except Exception:
            theirs = False
        accepted += theirs
        if theirs == (verdict == "ok"):
            continue
        length = struct.unpack("<Q", file[:8])[0]
        if theirs and is_deviation(file[8:8 + length]):
            deviations += 1
            continue
        wrong += 1
        print("python", "accepts" if theirs else "refuses", "| ours:", verdict, "|", file[8:])
    print(f"{count} mutants, {accepted} accepted by Python, {deviations} listed deviations, "
          f"{wrong} disagreements")
    sys.exit(1 if wrong else 0)


main()
