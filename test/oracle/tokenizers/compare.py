#!/usr/bin/env python3
"""Compares runtime/tokenizers with the tokenizers 0.22.2 wheel; exit code 1 on any mismatch.

    compare.py PROBE [--strings N] [--scalars] [--only NAME] [--keep FOLDER] [--speed]

PROBE is build/bin/tokenizer-probe. $FTC_DATA is the folder of texts (default ../shared/data),
$FTC_MODELS that of models, $FTC_MINILM all-MiniLM-L6-v2's. SentencePiece's and Marian's folders
need the package sentencepiece.
Requests go through files, one JSON array a line; answers are compared as text.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["RUST_BACKTRACE"] = "0"
import tokenizers
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import matrix
import spmFolders

DATA = os.environ.get("FTC_DATA", os.path.join(HERE, "../../../../shared/data"))
MODELS = os.environ.get("FTC_MODELS", os.path.join(HERE, "../../../../shared/models"))
MINILM = os.environ.get("FTC_MINILM", os.path.join(HERE, "../../../.cache/minilm"))
REAL = ("stories260K-hf", "aren-transliteration-hf")
dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def dataLines():
    for folder, _, names in sorted(os.walk(DATA)):
        for name in sorted(names):
            with open(os.path.join(folder, name), "rb") as f:
                for line in f.read().split(b"\n"):
                    try:
                        yield line.decode("utf-8")
                    except UnicodeDecodeError:
                        pass


def answer(encoding, dropped=0):
    flat = [x for span in encoding.offsets for x in span]
    none = lambda values: [-1 if v is None else v for v in values]
    return dumps([encoding.ids, flat, encoding.type_ids, none(encoding.word_ids),
                  none(encoding.sequence_ids), dropped])


class Compared:
    """One tokenizer's requests with the wheel's answers."""

    def __init__(self, name, wheel, directory, modelType="", prefix=False, decode=None):
        self.name, self.wheel, self.directory = name, wheel, directory
        self.modelType, self.flags = modelType, "prefix" if prefix else ""
        self.decodes = decode or wheel.decode
        self.requests, self.expected, self.panics = [], [], 0
        wheel.no_truncation()
        wheel.no_padding()

    def ask(self, request, expected):
        self.requests.append(dumps(request))
        self.expected.append(expected)

    def asked(self, request, *arguments, **options):
        """Asks what the wheel can answer; on some overlaps of added tokens it panics."""
        try:
            encoding = self.wheel.encode(*arguments, **options)
        except BaseException as error:
            if "bad split" not in str(error):
                raise
            self.panics += 1
            return
        self.ask(request, answer(encoding))

    def encode(self, text, special=True):
        self.asked(["e", text, special, 0, "longest_first"], text, add_special_tokens=special)

    def cut(self, first, second, special, most, how):
        wheel = self.wheel
        wheel.no_truncation()
        pair = [first] if second is None else [first, second]
        try:
            whole = len(wheel.encode(*pair, add_special_tokens=special).ids)
            wheel.enable_truncation(most, strategy=how)
            cut = wheel.encode(*pair, add_special_tokens=special)
            expected = answer(cut, whole - len(cut.ids))
        except BaseException as error:  # the wheel's own refusals and panics
            if isinstance(error, KeyboardInterrupt):
                raise
            if "bad split" in str(error):
                self.panics += 1
                return
            expected = "null"
        wheel.no_truncation()
        self.ask((["e", first] if second is None else ["p", first, second]) + [special, most, how],
                 expected)

    def pair(self, first, second, special=True):
        self.asked(["p", first, second, special, 0, "longest_first"], first, second,
                   add_special_tokens=special)

    def words(self, words, special=True):
        self.asked(["w", words, special, 0, "longest_first"], words, is_pretokenized=True,
                   add_special_tokens=special)

    def decode(self, ids, skip):
        self.ask(["d", ids, skip], dumps(self.decodes(ids, skip_special_tokens=skip)))

    def size(self):
        return self.wheel.get_vocab_size(with_added_tokens=True)

    def run(self, probe):
        """Number of mismatches; the first few are printed."""
        if not self.requests:
            return 0
        command = [probe, self.directory, self.modelType, self.flags]
        with tempfile.TemporaryFile() as requests:
            requests.write(("\n".join(self.requests) + "\n").encode("utf-8"))
            requests.seek(0)
            done = subprocess.run(command, stdin=requests, capture_output=True)
        if done.returncode != 0:
            print(f"MISMATCH {self.name}: probe failed: {done.stderr.decode()[-300:]}", flush=True)
            return len(self.requests)
        got = done.stdout.decode("utf-8").split("\n")
        size, got = got[0], got[1:-1]
        bad = 0
        if int(size) != self.size():
            print(f"MISMATCH {self.name}: vocabulary size {size}, oracle {self.size()}")
            bad += 1
        for request, expected, line in zip(self.requests, self.expected, got):
            if line != expected:
                bad += 1
                if bad <= 3:
                    print(f"MISMATCH {self.name}: {ascii(request)[:400]}\n  wheel {expected[:300]}\n"
                          f"  here  {line[:300]}", flush=True)
        if len(got) != len(self.requests):
            print(f"MISMATCH {self.name}: {len(got)} answers to {len(self.requests)}")
            bad += abs(len(got) - len(self.requests))
        self.requests, self.expected = [], []
        return bad


class ComparedMarian(Compared):
    """transformers' MarianTokenizer, a slow one: ids alone, and SentencePiece's offsets where there
    are neither added tokens nor language codes."""

    class Wheel:
        """What Strings asks a wheel for."""

        def __init__(self, slow):
            self.slow = slow

        def get_vocab(self):
            return self.slow.get_vocab()

        def get_added_tokens_decoder(self):
            return self.slow.added_tokens_decoder

        def get_vocab_size(self):
            return len(self.slow)

        def no_truncation(self):
            pass

        no_padding = no_truncation

    def __init__(self, name, slow, directory, target=False):
        super().__init__(name, self.Wheel(slow), directory, "marian", decode=slow.decode)
        self.slow, self.target, self.flags = slow, target, "target" if target else ""
        self.added = [t.content for t in slow.added_tokens_decoder.values()]

    def size(self):
        return len(self.slow)

    def ids(self, text, special, most=0):
        text = {"text_target" if self.target else "text": text}
        return self.slow(**text, add_special_tokens=special, truncation=most > 0,
                         max_length=most or None)["input_ids"]

    def encode(self, text, special=True):
        ids = self.ids(text, special)
        self.ask(["i", text, special, 0], dumps(ids))
        if ">>" in text or any(token in text for token in self.added):
            return
        proto = (self.slow.spm_target if self.target else self.slow.spm_source).encode(
            text, return_type="proto")
        place = [0]  # code points before each byte
        for c in text:
            place += [place[-1]] * (len(c.encode()) - 1) + [place[-1] + 1]
        flat = [place[x] for piece in proto.pieces for x in (piece.begin, piece.end)]
        self.ask(["o", text], dumps(flat))

    def mixed(self, strings, count, draw):
        limit = self.size()
        for _ in range(count):
            roll, special = draw.random(), draw.random() < 0.7
            text = strings.text()
            if draw.random() < 0.1:
                text = draw.choice([">>fra<<", ">>xx<<", ">>", "<<", ">>fra<< "]) + text
            if roll < 0.75:
                self.encode(text, special)
            elif roll < 0.85:
                most = draw.randint(5, 24)
                self.ask(["i", text, special, most], dumps(self.ids(text, special, most)))
            else:
                ids = ([draw.randrange(limit) for _ in range(draw.randint(0, 12))]
                       if draw.random() < 0.5 else self.ids(text, True))
                self.decode(ids, draw.random() < 0.7)


SPACES = [" ", "  ", "   ", "\t", "\r", "\u00a0", "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff",
          "\u1680", "\x0b", "\x1c", "\u180e", "\u202f"]
MARKS = ["\u0301", "\u0308", "\u0323", "\u0327", "\u0345", "\u05b0", "\u0651", "\u094d", "\u3099",
         "\u0344", "\u1d165", "\u20dd", "\u0f73", "\u0f81", "\u0338"]
EMOJI = ["😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "❤️", "\u200d", "\ufe0f", "🇸🇪", "1️⃣"]
SCRIPTS = ["東", "京", "𠀀", "\U0002b920", "か", "が", "각", "힣", "ᄀ", "ᅡ", "ᆨ", "א", "ב", "م", "ر", "ा",
           "क", "ษ", "Ё", "ё", "Σ", "ς", "İ", "ı", "ß", "ẞ", "ſ", "K", "é", "Å", "ﬁ", "½", "²", "Ⅷ", "٣",
           "\u0378", "\u1b4e", "𞤀", "\x00", "\x7f", "\ufffd", "\ue000", "\u00ad", "\u061c",
           "\ufdfa", "\U0001f1e6", "ǆ", "ῷ", "𝐀", "`", "^", "~", "'", "\u2019", "-", "_"]
CONTRACTIONS = ["'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'lL", "'d", "'\u017f", "'x", "''"]


class Strings:
    """Seeded random strings (never with LF) of vocabulary pieces and awkward characters."""

    def __init__(self, wheel, seed):
        self.draw = random.Random(seed)
        pieces = [t.replace("##", "").replace("\u0120", " ").replace("\u2581", " ")
                  for t in sorted(wheel.get_vocab())]
        self.pieces = [p for p in pieces if "\n" not in p and p] or ["a"]
        self.added = [t.content for t in wheel.get_added_tokens_decoder().values()] or ["<s>"]

    def part(self):
        draw, roll = self.draw, self.draw.random()
        if roll < 0.42:
            piece = draw.choice(self.pieces)
            return piece.upper() if draw.random() < 0.1 else piece
        if roll < 0.55:
            return draw.choice(SPACES) if draw.random() < 0.4 else " "
        if roll < 0.63:
            return draw.choice(self.added)
        if roll < 0.70:
            return "".join(draw.choice(MARKS) for _ in range(draw.randint(1, 4)))
        if roll < 0.75:
            return draw.choice(EMOJI)
        if roll < 0.88:
            return draw.choice(SCRIPTS)
        if roll < 0.92:
            return draw.choice(CONTRACTIONS)
        if roll < 0.95:
            return "".join(draw.choice("0123456789") for _ in range(draw.randint(1, 7)))
        if roll < 0.97:
            c = draw.randrange(0x110000)
            return "x" if 0xD800 <= c <= 0xDFFF else chr(c)
        if roll < 0.98:
            return draw.choice("ab東é") * draw.randint(1, 150)
        c = draw.choice([draw.randrange(0x3000), draw.randrange(0x1000)])
        return "y" if c == 10 else chr(c)

    def text(self, most=12):
        return "".join(self.part() for _ in range(self.draw.randint(0, most))).replace("\n", " ")


def ofStrings(compared, count, seed):
    strings, draw = Strings(compared.wheel, seed), random.Random(seed + "/kinds")
    if isinstance(compared, ComparedMarian):
        compared.mixed(strings, count, draw)
        return
    limit = compared.wheel.get_vocab_size() + 20
    for i in range(count):
        roll, special = draw.random(), draw.random() < 0.7
        if roll < 0.55:
            compared.encode(strings.text(), special)
        elif roll < 0.7:
            compared.words([strings.text(3) for _ in range(draw.randint(0, 6))], special)
        elif roll < 0.78:
            compared.pair(strings.text(6), strings.text(6), special)
        elif roll < 0.93:
            how = draw.choice(["longest_first", "only_first", "only_second"])
            second = None if draw.random() < 0.3 else strings.text(10)
            compared.cut(strings.text(10), second, special, draw.randint(5, 24), how)
        else:
            ids = [draw.randrange(limit) for _ in range(draw.randint(0, 12))]
            if draw.random() < 0.6:
                try:
                    ids = compared.wheel.encode(strings.text()).ids
                except BaseException as error:
                    if "bad split" not in str(error):
                        raise
            compared.decode(ids, draw.random() < 0.5)


def ofScalars(compared, probe, contexts):
    """Every scalar in each context: alone one by one, otherwise 16 to a text with spaces between;
    unassigned planes 4 to 13 go 32 at a time without spaces too."""
    total = bad = 0
    singles = [c for c in list(range(0x40000)) + list(range(0xE0000, 0x110000))
               if not 0xD800 <= c <= 0xDFFF and c != 10]
    for make in contexts:
        many = 1 if make is contexts[0] else 16
        texts = (" ".join(make(chr(c)) for c in singles[i:i + many])
                 for i in range(0, len(singles), many))
        packed = ("".join(make(chr(x)) for x in range(c, c + 32))
                  for c in range(0x40000, 0xE0000, 32))
        for source in (texts, packed):
            for text in source:
                compared.encode(text)
                if len(compared.requests) == 100000:
                    total += len(compared.requests)
                    bad += compared.run(probe)
        total += len(compared.requests)
        bad += compared.run(probe)
    return total, bad


CONTEXTS = [lambda c: c, lambda c: "a" + c + "b", lambda c: "a " + c, lambda c: c + "\u0301",
            lambda c: "x'" + c + "'l" + c + "'r" + c]
SCALAR_NAMES = {"bert-uncased", "bert-cased", "wp-nfkc", "wp-nfd", "wp-sequence", "roberta-prefix",
                "llama3", "qwen2", "minilm", "t5", "t5-tiny", "xlm-r", "deberta-v2-tiny",
                "unigram-bytes", "unigram-regex"}
TEXT_NAMES = {"bert-uncased", "roberta", "llama3", "minilm", "t5", "xlm-r", "deberta-v2", "mbart",
              "pegasus", "v-distilbert", "s-t5", "s-deberta-punct", "m-marian", "m-marian-target"}


FAMILIES = ("wordpiece", "bpe", "unigram", "wordlevel", "sentencepiece", "marian")


def save(wheel, folder, name):
    directory = os.path.join(folder, name)
    os.makedirs(directory, exist_ok=True)
    wheel.save(os.path.join(directory, "tokenizer.json"))
    return directory


def vocabularyFolders(folder, trained):
    """Folders without tokenizer.json, with the class of transformers that reads them."""
    def write(name, **files):
        directory = os.path.join(folder, name)
        os.makedirs(directory, exist_ok=True)
        for file, content in files.items():
            with open(os.path.join(directory, file.replace("__", ".")), "w", newline="",
                      encoding="utf-8") as f:
                f.write(content)
        return directory
    words = sorted(trained["bert-uncased"].get_vocab().items(), key=lambda item: item[1])
    text = "\n".join(t for t, _ in words) + "\n"
    config = lambda **k: json.dumps(k)
    yield "BertTokenizerFast", "bert", write("v-bert", vocab__txt=text)
    yield "BertTokenizerFast", "bert", write("v-bert-crlf", vocab__txt=text.replace("\n", "\r\n")[:-2])
    yield "BertTokenizerFast", "bert", write(
        "v-bert-cased", vocab__txt=text, tokenizer_config__json=config(
            do_lower_case=False, tokenize_chinese_chars=False, model_max_length=64))
    yield "BertTokenizerFast", "bert", write(
        "v-bert-accents", vocab__txt=text, tokenizer_config__json=config(strip_accents=False))
    yield "DistilBertTokenizerFast", "distilbert", write(
        "v-distilbert", vocab__txt=text,
        special_tokens_map__json=config(unk_token="[UNK]", cls_token="[CLS]", mask_token={
            "content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False,
            "single_word": False}),
        added_tokens__json=config(**{"<new>": len(words), "<Other>": len(words) + 1}))
    yield "BertTokenizerFast", "bert", write(
        "v-bert-decoder", vocab__txt=text, tokenizer_config__json=config(
            added_tokens_decoder={str(len(words)): {
                "content": "<E1>", "lstrip": False, "rstrip": True, "normalized": True,
                "single_word": True, "special": False}},
            additional_special_tokens=["<E2>"]))
    model = json.loads(trained["roberta"].to_str())["model"]
    vocab = json.dumps(model["vocab"], ensure_ascii=False)
    merges = "#version: 0.2\n" + "\n".join(" ".join(m) for m in model["merges"]) + "\n"
    files = dict(vocab__json=vocab, merges__txt=merges)
    yield "RobertaTokenizerFast", "roberta", write("v-roberta", **files)
    yield "RobertaTokenizerFast", "roberta", write(
        "v-roberta-prefix", tokenizer_config__json=config(add_prefix_space=True), **files)
    yield "RobertaTokenizerFast+prefix", "roberta", write("v-roberta-asked", **files)
    yield "RobertaTokenizerFast", "roberta", write(
        "v-roberta-unended", vocab__json=vocab, merges__txt=merges[:-1],
        tokenizer_config__json=config(trim_offsets=False))
    yield "GPT2TokenizerFast", "gpt2", write("v-gpt2", **files)
    yield "GPT2TokenizerFast+prefix", "gpt2", write("v-gpt2-asked", **files)
    yield "GPT2TokenizerFast", "gpt2", write(
        "v-gpt2-bos", tokenizer_config__json=config(add_bos_token=True, pad_token="<pad>"), **files)


def miniLm():
    return MINILM if os.path.exists(os.path.join(MINILM, "tokenizer.json")) else None


def speed(compared, probe, lines):
    """CPU seconds of the wheel and of the probe over the same lines, one thread each, best of 3."""
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as f:
        f.write(("\n".join(lines) + "\n").encode())
        f.flush()
        size = os.path.getsize(f.name) / 2**20
        here = min(float(subprocess.run(
            [probe, compared.directory, compared.modelType, compared.flags, f.name],
            capture_output=True, check=True).stdout.split()[0]) for _ in range(3))

    def wheelSeconds():
        start = time.process_time()
        compared.wheel.encode_batch(lines)
        return time.process_time() - start
    wheel = min(wheelSeconds() for _ in range(3))
    print(f"speed {compared.name}: here {size / here:.1f} MiB/s, wheel {size / wheel:.1f} MiB/s, "
          f"ratio {wheel / here:.2f}", flush=True)


def candidates(folder, lines, only=None, keep=None, spmSize=800, spmOptions={}):
    """Everything that is compared: (family, Compared); with `only`, those names. Trained ones are
    kept in the folder `keep`."""
    trained, wanted = {}, lambda name: not only or name in only
    bases = {"bert-uncased", "roberta"} if not only or any(n.startswith("v-") for n in only) else set()
    for family, name, wheel in matrix.everything(lines, lambda n: wanted(n) or n in bases, keep):
        trained[name] = wheel
        yield family, Compared(name, wheel, save(wheel, folder, name))
    import transformers
    transformers.logging.set_verbosity_error()
    real = miniLm()
    if real and wanted("minilm"):
        fast = transformers.AutoTokenizer.from_pretrained(real)
        wheel = Tokenizer.from_file(os.path.join(real, "tokenizer.json"))
        yield "wordpiece", Compared("minilm", wheel, real, decode=fast.decode)
    for name in REAL:
        path = os.path.join(MODELS, name)
        if wanted(name) and os.path.exists(path):
            fast = transformers.AutoTokenizer.from_pretrained(path)
            yield "bpe" if "stories" in name else "wordlevel", Compared(
                name, Tokenizer.from_file(os.path.join(path, "tokenizer.json")), path,
                decode=fast.decode)
    spm = dict(size=spmSize, wanted=wanted, more=spmOptions)
    text = lines[:1500] + matrix.SPICE * 10
    for kind, modelType, directory in spmFolders.folders(keep or folder, text, **spm):
        fast = getattr(transformers, kind).from_pretrained(directory)
        yield "sentencepiece", Compared(os.path.basename(directory), fast._tokenizer, directory,
                                        modelType, decode=fast.decode)
    for name, target, directory in spmFolders.marian(keep or folder, text, **spm):
        slow = transformers.MarianTokenizer.from_pretrained(directory)
        yield "marian", ComparedMarian(name, slow, directory, target)
    if not bases:
        return
    for kind, modelType, directory in vocabularyFolders(folder, trained):
        name, _, prefix = kind.partition("+")
        more = {"add_prefix_space": True} if prefix else {}
        fast = getattr(transformers, name).from_pretrained(directory, **more)
        yield ("wordpiece" if "Bert" in name else "bpe"), Compared(
            os.path.basename(directory), fast._tokenizer, directory, modelType, bool(prefix),
            fast.decode)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("--strings", type=int, default=100000, help="random strings a family")
    parser.add_argument("--scalars", action="store_true", help="all scalars in all contexts")
    parser.add_argument("--part", default="0/1", help="I/N: every N-th tokenizer from the I-th")
    parser.add_argument("--keep", help="a folder for trained tokenizers, read when they are there")
    parser.add_argument("--texts", type=int, default=0, help="at most so many texts of $FTC_DATA")
    parser.add_argument("--only", help="a comma list of names")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    assert tokenizers.__version__ == "0.22.2", tokenizers.__version__
    lines = list(dataLines())
    sample = random.Random(7).sample(lines, min(3000, len(lines)))
    total = bad = count = 0
    with tempfile.TemporaryDirectory() as folder:
        only = args.only.split(",") if args.only else None
        everything = list(candidates(folder, sample, only, args.keep))
        share = {f: args.strings // max(1, sum(1 for g, _ in everything if g == f)) + 1
                 for f in FAMILIES}
        part, parts = map(int, args.part.split("/"))
        for i, (family, compared) in enumerate(everything):
            if i % parts != part:
                continue
            if only and compared.name not in only:
                continue
            count += 1
            ofStrings(compared, share[family], compared.name)
            texts = lines if compared.name in TEXT_NAMES else sample[:1500]
            for text in texts[:args.texts or None]:
                compared.encode(text)
            asked = len(compared.requests)
            wrong = compared.run(args.probe)
            if args.scalars and compared.name in SCALAR_NAMES:
                more, worse = ofScalars(compared, args.probe, CONTEXTS)
                asked, wrong = asked + more, wrong + worse
            print(f"{compared.name}: {asked} requests, {wrong} mismatches", flush=True)
            total, bad = total + asked, bad + wrong
            if compared.panics:
                print(f"{compared.name}: the wheel panicked on {compared.panics} more requests")
            if args.speed and compared.name in ("minilm", "bert-uncased", "roberta", "llama3"):
                speed(compared, args.probe, [l for l in lines if l][:40000])
    print(f"{count} tokenizers, {total} requests, {bad} mismatches")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
