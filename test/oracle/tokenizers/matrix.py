"""The tokenizers that compare.py and makeGolden.py train through the wheel: each family over a
matrix of components."""
import os
import random

import charsmap

from tokenizers import (AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N,
                        pre_tokenizers as P, processors as R, trainers as T)

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TIKTOKEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s|"
            r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3, QWEN2 = TIKTOKEN % "{1,3}", TIKTOKEN % ""

# Text that makes trained vocabularies hold more than Latin letters.
SPICE = ["東京 は 日本 の 首都 です 。 中文 字符 測試", "שלום עולם مرحبا بالعالم", "Привет, мир! Ёлка Ё",
         "naïve café résumé Ångström coöperate ñandú", "안녕하세요 세계 각", "नमस्ते दुनिया क्षि",
         "ไทย ภาษา", "😀 👩‍👩‍👧 🏳️‍🌈 👍🏽 ❤️", "don't can't we're I'll you've I'm he'd IT'S",
         "x = 3.14159; y[10] = {1, 2}; // ½ ² Ⅷ ٣", "ﬁne ﬂow ﬃ ＡＢＣ ｶﾀｶﾅ", "ẞ ß ſ İ ı Σ ς K"]


def corpus(lines):
    return SPICE * 20 + list(lines)


SIZES = {"wordpiece": 2000, "bpe": 1500, "unigram": 1500, "alphabet": 400}  # vocabulary sizes; makeGolden.py makes them small


def wordPiece(lines, prefix="##", normalizer=None, pre=None):
    tok = Tokenizer(M.WordPiece(unk_token="[UNK]", continuing_subword_prefix=prefix))
    tok.normalizer = normalizer
    tok.pre_tokenizer = pre or P.BertPreTokenizer()
    tok.train_from_iterator(corpus(lines), T.WordPieceTrainer(
        vocab_size=SIZES["wordpiece"], min_frequency=2, show_progress=False, continuing_subword_prefix=prefix,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    return tok


def bertPost(tok, kind):
    cls, sep = tok.token_to_id("[CLS]"), tok.token_to_id("[SEP]")
    if kind == "bert":
        tok.post_processor = R.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    elif kind == "template":
        tok.post_processor = R.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    elif kind == "odd":
        tok.post_processor = R.TemplateProcessing(
            single="$A:2 [SEP]:1 [SEP]", pair="$B:1 [SEP]:3 $A:0",
            special_tokens=[("[SEP]", sep)])
    tok.decoder = D.WordPiece(cleanup=kind != "odd")
    return tok


def wordPieces(lines):
    bert = lambda **k: N.BertNormalizer(**k)
    yield "bert-uncased", lambda: bertPost(wordPiece(lines, normalizer=bert()), "template")
    yield "bert-cased", lambda: bertPost(wordPiece(lines, normalizer=bert(lowercase=False)), "bert")
    yield "bert-accents", lambda: bertPost(wordPiece(
        lines, normalizer=bert(lowercase=True, strip_accents=False)), "odd")
    yield "bert-stripped-cased", lambda: bertPost(wordPiece(
        lines, normalizer=bert(lowercase=False, strip_accents=True,
                               handle_chinese_chars=False)), "bert")
    yield "bert-unclean", lambda: bertPost(wordPiece(lines, normalizer=bert(clean_text=False)), "none")
    forms = {"nfc": N.NFC(), "nfd": N.NFD(), "nfkc": N.NFKC(), "nfkd": N.NFKD()}
    pres = [P.Whitespace(), P.WhitespaceSplit(), P.Sequence([P.WhitespaceSplit(), P.Digits(True)]),
            P.Sequence([P.Whitespace(), P.Punctuation("merged_with_next")])]
    for (name, form), pre in zip(forms.items(), pres):
        yield "wp-" + name, lambda: bertPost(wordPiece(lines, normalizer=form, pre=pre), "template")
    yield "wp-sequence", lambda: bertPost(wordPiece(
        lines, prefix="", normalizer=N.Sequence([N.NFKD(), N.StripAccents(), N.Lowercase(),
                                                 N.Strip(), N.Replace("e", "ee")]),
        pre=P.Sequence([P.WhitespaceSplit(), P.Punctuation("contiguous"), P.Digits(False)])), "bert")
    yield "wp-punctuation", lambda: bertPost(wordPiece(
        lines, normalizer=N.Sequence([N.NFC(), N.Lowercase(), N.Replace("th", ""),
                                      N.Strip(False, True)]),
        pre=P.Sequence([P.Punctuation("removed"), P.Split(" ", "merged_with_previous"),
                        P.Split("an", "contiguous")])), "odd")
    yield "wp-split", lambda: bertPost(wordPiece(
        lines, normalizer=N.Sequence([N.Prepend("_\u00e9"), N.Lowercase()]),
        pre=P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.Split("_", "merged_with_next"),
                        P.Split("t", "removed", invert=False)])), "template")
    def shortWords():
        tok = wordPiece(lines, normalizer=N.BertNormalizer())
        tok.model = M.WordPiece(tok.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=5)
        return bertPost(tok, "bert")
    yield "wp-short-words", shortWords


def bpe(lines, normalizer=None, pre=None, alphabet=True, **model):
    tok = Tokenizer(M.BPE(**model))
    tok.normalizer = normalizer
    tok.pre_tokenizer = pre
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    if model.get("byte_fallback"):
        special += ["<0x%02X>" % b for b in range(256)]
    tok.train_from_iterator(corpus(lines), T.BpeTrainer(
        vocab_size=SIZES["bpe"] + (256 if model.get("byte_fallback") else 0), min_frequency=2,
        show_progress=False, special_tokens=special, limit_alphabet=SIZES["alphabet"],
        initial_alphabet=P.ByteLevel.alphabet() if alphabet else []))
    tok.decoder = D.ByteLevel()
    return tok


def bpePost(tok, kind, prefix=False, trim=True):
    s, e = ("<s>", tok.token_to_id("<s>")), ("</s>", tok.token_to_id("</s>"))
    template = R.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[s])
    if kind == "roberta":
        tok.post_processor = R.RobertaProcessing(e, s, trim_offsets=trim, add_prefix_space=prefix)
    elif kind == "bytelevel":
        tok.post_processor = R.ByteLevel(trim_offsets=trim, add_prefix_space=prefix)
    elif kind == "llama3":
        tok.post_processor = R.Sequence([R.ByteLevel(trim_offsets=trim, add_prefix_space=prefix),
                                         template])
    elif kind == "template":
        tok.post_processor = template
    return tok


def bpes(lines):
    level = lambda prefix=False, regex=True: P.ByteLevel(add_prefix_space=prefix, use_regex=regex)
    split = lambda pattern: P.Split(Regex(pattern), "isolated")
    yield "roberta", lambda: bpePost(bpe(lines, pre=level()), "roberta")
    yield "roberta-prefix", lambda: bpePost(bpe(lines, pre=level(True)), "roberta", prefix=True)
    yield "roberta-untrimmed", lambda: bpePost(bpe(lines, pre=level(True)), "roberta", trim=False)
    yield "gpt2", lambda: bpePost(bpe(lines, pre=level()), "bytelevel", trim=False)
    yield "gpt2-trim", lambda: bpePost(bpe(lines, pre=level(True)), "bytelevel", prefix=True)
    yield "llama3", lambda: bpePost(bpe(lines, pre=P.Sequence([split(LLAMA3), level(regex=False)]),
                                ignore_merges=True), "llama3")
    yield "qwen2", lambda: bpe(lines, normalizer=N.NFC(),
                       pre=P.Sequence([split(QWEN2), level(regex=False)]))
    yield "smollm", lambda: bpe(lines, pre=P.Sequence([P.Digits(True), level()]))
    yield "inverted", lambda: bpePost(bpe(lines, pre=P.Sequence([
        P.Split(Regex(GPT2), "removed", invert=True), level(True, False)])), "llama3", prefix=True)
    yield "modernbert", lambda: bpePost(bpe(lines, normalizer=N.NFC(), pre=level()), "template")
    yield "nfkc-lower", lambda: bpePost(bpe(lines, normalizer=N.Sequence([N.NFKC(), N.Lowercase()]),
                                    pre=level(True)), "bytelevel")
    yield "no-alphabet", lambda: bpePost(bpe(lines[:200], pre=level(), alphabet=False), "roberta")
    yield "no-alphabet-unk", lambda: bpePost(bpe(lines[:200], pre=level(True), alphabet=False,
                                         unk_token="<unk>"), "bytelevel", prefix=True)
    yield "byte-level-first", lambda: bpe(lines, pre=P.Sequence([level(), P.Split("\u0120", "isolated")]))
    yield "words", lambda: bpe(lines, pre=P.Whitespace(), alphabet=False, unk_token="<unk>")
    yield "words-fused", lambda: bpePost(bpe(lines, pre=P.BertPreTokenizer(), alphabet=False,
                                     unk_token="<unk>", fuse_unk=True), "template")
    def llama2():
        tok = bpe(lines[:500], alphabet=False, unk_token="<unk>", fuse_unk=True,
                  byte_fallback=True,
                  normalizer=N.Sequence([N.Prepend("\u2581"), N.Replace(" ", "\u2581")]))
        tok.decoder = D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse(),
                                  D.Strip(" ", 1, 0)])
        return bpePost(tok, "template")
    yield "llama2", llama2
    def llamaMeta():
        tok = bpe(lines[:500], alphabet=False, unk_token="<unk>", fuse_unk=True,
                  byte_fallback=True, pre=P.Metaspace(prepend_scheme="first", split=False))
        tok.decoder = D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse(),
                                  D.Strip(" ", 1, 0)])
        return bpePost(tok, "template")
    yield "llama-metaspace", llamaMeta
    yield "metaspace-bpe", lambda: bpePost(bpe(lines[:500], alphabet=False, unk_token="<unk>",
                                           pre=P.Metaspace(), normalizer=N.NFKC()), "template")
    yield "no-pretokenizer", lambda: bpe(lines[:300], alphabet=False, unk_token="<unk>",
                                 ignore_merges=True)


def unigram(lines, normalizer=None, pre=None, byteFallback=False, decoder=None):
    tok = Tokenizer(M.Unigram())
    tok.normalizer = normalizer
    tok.pre_tokenizer = pre
    special = ["<pad>", "</s>", "<unk>", "<s>", "<mask>", "[CLS]", "[SEP]"]
    tok.train_from_iterator(corpus(lines), T.UnigramTrainer(
        vocab_size=SIZES["unigram"], show_progress=False, unk_token="<unk>", special_tokens=special,
        max_piece_length=12))
    if byteFallback:
        import json
        model = json.loads(tok.to_str())["model"]
        vocab = [(t, s) for t, s in model["vocab"]] + [("<0x%02X>" % b, 0.0) for b in range(256)]
        tok.model = M.Unigram(vocab, model["unk_id"], True)
    tok.decoder = decoder or D.Metaspace()
    return tok


def unigramPost(tok, kind):
    ids = {t: tok.token_to_id(t) for t in ("</s>", "<s>", "[CLS]", "[SEP]")}
    templates = {"t5": ("$A </s>", "$A </s> $B </s>"),
                 "xlmr": ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
                 "mbart": ("$A </s> <s>", "$A $B </s> <s>"), "pegasus": ("$A </s>", "$A $B </s>"),
                 "deberta": ("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")}
    single, pair = templates[kind]
    tok.post_processor = R.TemplateProcessing(single=single, pair=pair,
                                              special_tokens=list(ids.items()))
    return tok


def unigrams(lines):
    tiny, whole = charsmap.small(), charsmap.sentencePiece() or charsmap.small()
    spaces = lambda to: N.Replace(Regex(" {2,}"), to)
    meta = lambda scheme="always", split=True: P.Metaspace(prepend_scheme=scheme, split=split)
    for name, blob in (("", whole), ("-tiny", tiny)):
        t5Form = N.Sequence([N.Precompiled(blob), N.Strip(left=False, right=True), spaces("\u2581")])
        yield "t5" + name, lambda f=t5Form: unigramPost(
            unigram(lines[:800], normalizer=f, pre=meta()), "t5")
        yield "xlm-r" + name, lambda b=blob: unigramPost(unigram(
            lines[:800], normalizer=N.Precompiled(b), pre=P.Sequence([P.WhitespaceSplit(), meta()])),
            "xlmr")
        debertaForm = N.Sequence([N.Strip(), N.Precompiled(blob), spaces(" ")])
        yield "deberta-v2" + name, lambda f=debertaForm: unigramPost(
            unigram(lines[:800], normalizer=f, pre=P.Sequence([P.Punctuation(), meta()])), "deberta")
    yield "mbart", lambda: unigramPost(unigram(lines[:800], normalizer=N.Sequence(
        [N.Precompiled(whole), N.Strip(False, True), spaces("\u2581")]), pre=meta("first")), "mbart")
    yield "pegasus", lambda: unigramPost(unigram(
        lines[:800], normalizer=N.Sequence([N.Precompiled(whole), spaces(" ")]),
        pre=P.Sequence([P.WhitespaceSplit(), meta()])), "pegasus")
    yield "albert", lambda: unigramPost(unigram(lines[:800], normalizer=N.Sequence(
        [N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(),
         N.Precompiled(tiny), spaces(" ")]), pre=meta()), "deberta")
    yield "unigram-bytes", lambda: unigramPost(unigram(
        lines[:300], normalizer=N.Precompiled(tiny), pre=meta("first"), byteFallback=True,
        decoder=D.Sequence([D.ByteFallback(), D.Metaspace()])), "t5")
    yield "unigram-whole", lambda: unigramPost(unigram(
        lines[:200], normalizer=N.Replace(Regex(r"\s+"), "\u2581"), pre=meta("never", False),
        byteFallback=True, decoder=D.Sequence([D.ByteFallback(), D.Metaspace(prepend_scheme="never")])),
        "xlmr")
    yield "unigram-plain", lambda: unigramPost(unigram(
        lines[:300], pre=P.Sequence([P.CharDelimiterSplit("e"), P.Digits(True), P.WhitespaceSplit()]),
        decoder=D.BPEDecoder("a")), "pegasus")
    yield "unigram-regex", lambda: unigramPost(unigram(
        lines[:300], normalizer=N.Replace(Regex(r"(?i:th|k)e?|[^\S\n]{2}|(?:on)++(?=\p{L})|x(?!y)"), "_"),
        pre=P.Sequence([P.Split(Regex(r"\p{N}{1,3}|[aeiou\-]+?(?=\s)|(?>o*)[^\p{L}\s]|[Ѐ-ӿ]+"),
                                "merged_with_previous"), meta("first", False)]),
        decoder=D.Sequence([D.Replace(Regex("\u2581+"), " "), D.Fuse()])), "t5")


def wordLevels(lines):
    def words(pre, normalizer=None):
        tok = Tokenizer(M.WordLevel(unk_token="<unk>"))
        tok.normalizer, tok.pre_tokenizer = normalizer, pre
        tok.train_from_iterator(corpus(lines), T.WordLevelTrainer(
            vocab_size=SIZES["wordpiece"], show_progress=False, special_tokens=["<pad>", "<unk>", "</s>"]))
        return tok
    yield "words-level", lambda: words(P.WhitespaceSplit())
    yield "words-level-digits", lambda: words(
        P.Sequence([P.Whitespace(), P.Digits(True), P.Metaspace(prepend_scheme="first")]), N.NFKC())


def addTokens(tok, seed):
    """Added tokens of every kind; the flags differ from one tokenizer to the next."""
    draw = random.Random(seed)
    contents = ["<ent>", "[ENT]", "Héllo", "  ", "\u3000", "ing", "THE", "the end", "<mask>", "[MASK]",
                "東京", "e\u0301", "\u0301", "1", ".", " <x>", "<x> ", "aa", "aaa", "of the"]
    picked = draw.sample(contents, 9)
    flags = lambda: draw.random() < 0.35
    for content in picked:
        token = AddedToken(content, single_word=flags(), lstrip=flags(), rstrip=flags(),
                           normalized=draw.random() < 0.5)
        probe = tok.normalizer.normalize_str(content) if tok.normalizer else content
        if probe == "":
            continue
        if draw.random() < 0.5:
            tok.add_special_tokens([token])
        else:
            tok.add_tokens([token])
    return tok


def trained(make, name, keep):
    """The tokenizer, from the folder `keep` where it was trained before."""
    path = os.path.join(keep, name + ".json") if keep else None
    if path and os.path.exists(path):
        return Tokenizer.from_file(path)
    tok = make()
    if path:
        tok.save(path)
    return tok


def everything(lines, wanted=lambda name: True, keep=None):
    """(family, name, tokenizer): each plain, and each once more with added tokens; only the wanted
    ones are trained."""
    for family, makers in (("wordpiece", wordPieces), ("bpe", bpes), ("unigram", unigrams),
                           ("wordlevel", wordLevels)):
        for name, make in makers(lines):
            more = name + "+added"
            if not wanted(name) and not wanted(more):
                continue
            tok = trained(make, name, keep)
            if wanted(name):
                yield family, name, tok
            if wanted(more):
                yield family, more, addTokens(Tokenizer.from_str(tok.to_str()), more[:-6])
