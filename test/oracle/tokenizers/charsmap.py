"""Precompiled character maps for the oracle's tokenizers: small ones made here, SentencePiece's own
where its package is at hand."""
import struct


def build(mapping):
    """The blob of a map from byte strings to texts: Darts double array, then the pool of texts."""
    pool, places = b"", {}
    for value in mapping.values():
        if value not in places:
            places[value] = len(pool)
            pool += value.encode() + b"\0"
    root = {}
    for key, value in mapping.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[0] = places[value]  # no key holds a zero byte
    units, used, bases, queue = {0: 0}, {0}, set(), [(0, root)]
    while queue:
        at, node = queue.pop(0)
        base = 1
        while base in bases or any(base ^ byte in used for byte in node):
            base += 1
        bases.add(base)
        units[at] |= (at ^ base) << 10
        for byte, child in node.items():
            used.add(base ^ byte)
            if byte == 0:
                units[at] |= 1 << 8
                units[base] = 1 << 31 | child
            else:
                units[base ^ byte] = byte
                queue.append((base ^ byte, child))
    size = (max(units) | 255) + 1
    array = struct.pack(f"<{size}I", *(units.get(i, 0) for i in range(size)))
    return struct.pack("<I", len(array)) + array + pool


def small():
    """A map that shows each rule: shortest hits in a grapheme, deletions, growth, parts of
    characters, keys of several characters."""
    pairs = {"ﬁ": "fi", "ﬃ": "ffi", "½": "1/2", "Å": "Å", "É": "é", "e\u0301": "é", "\u3000": " ",
             "\t": " ", "\u00a0": " ", "\u200b": "", "\u00ad": "", "\x7f": "", "q": "", "ab": "X",
             "abc": "Y", "Ａ": "A", "Ｂ": "B", "ｶ": "カ", "ﾞ": "\u3099", "\u0308": "", "ü": "ue",
             "各": "ga", "क": "ka", "😀": ":-)", "👍": "+1", "\u200d": "+", "\ufe0f": "", "Σ": "ΣΣΣ",
             "\u0600": "", "ᄀ": "g", "\r": "", "~": "〜", "\u0345": "ι", "'": "\u2019"}
    keys = {key.encode(): value for key, value in pairs.items()}
    keys[b"\xf0\x9f\x8f"] = "?"  # a part of characters
    return build(keys)


def sentencePiece():
    """nmt_nfkc as SentencePiece writes it into its models; None without its package."""
    try:
        import sentencepiece as spm
        from sentencepiece import sentencepiece_model_pb2 as pb
    except ImportError:
        return None
    import io
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f"] * 20), model_writer=model, vocab_size=10,
        hard_vocab_limit=False, minloglevel=2)
    proto = pb.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap
