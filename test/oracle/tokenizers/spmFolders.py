"""Folders with SentencePiece models and no tokenizer.json, for the conversions that transformers
makes of them. Needs the package sentencepiece (0.2); without it there are none."""
import json
import os

KINDS = {  # model type: file, transformers' class, ids of the trainer
    "t5": ("spiece.model", "T5TokenizerFast", dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)),
    "mt5": ("spiece.model", "MT5TokenizerFast", dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                                                     byte_fallback=True)),
    "pegasus": ("spiece.model", "PegasusTokenizerFast",
                dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)),
    "xlm-roberta": ("sentencepiece.bpe.model", "XLMRobertaTokenizerFast", dict()),
    "mbart": ("sentencepiece.bpe.model", "MBartTokenizerFast", dict()),
    "mbart50": ("sentencepiece.bpe.model", "MBart50TokenizerFast", dict()),
    "deberta-v2": ("spm.model", "DebertaV2TokenizerFast",
                   dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]",
                        bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")),
}
CONFIGS = {  # name: model type, tokenizer_config.json
    "s-t5": ("t5", None),
    "s-t5-new": ("t5", {"legacy": False, "extra_ids": 10}),
    "s-mt5": ("mt5", {"additional_special_tokens": None}),
    "s-pegasus": ("pegasus", None),
    "s-xlmr": ("xlm-roberta", None),
    "s-mbart": ("mbart", {"src_lang": "ro_RO"}),
    "s-mbart50": ("mbart50", None),
    "s-deberta": ("deberta-v2", None),
    "s-deberta-punct": ("deberta-v2", {"split_by_punct": True, "do_lower_case": True}),
}


def train(path, lines, size, **options):
    """A unigram model of SentencePiece at `path`."""
    if os.path.exists(path):
        return
    import io
    import sentencepiece as spm
    if "normalization_rule_name" in options:
        options.pop("normalization_rule_tsv", None)
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=size, minloglevel=2,
        hard_vocab_limit=False, user_defined_symbols=["<sep>", "&&"], num_threads=1, **options)
    with open(path, "wb") as f:
        f.write(out.getvalue())


def folders(folder, lines, size=800, wanted=lambda name: True, more={}):
    """(class of transformers, model type, directory); `more`: options of the trainer."""
    try:
        import sentencepiece  # noqa: F401
    except ImportError:
        return
    for name, (kind, config) in CONFIGS.items():
        if not wanted(name):
            continue
        file, cls, ids = KINDS[kind]
        directory = os.path.join(folder, name)
        os.makedirs(directory, exist_ok=True)
        train(os.path.join(directory, file), lines, size, **ids, **more)
        if config is not None:
            with open(os.path.join(directory, "tokenizer_config.json"), "w") as f:
                json.dump(config, f)
        yield cls, kind, directory


MARIAN = {  # name: options of the source's and target's trainers, of tokenizer_config.json
    "m-marian": (dict(), dict(), None),
    "m-marian-bytes": (dict(byte_fallback=True), dict(byte_fallback=True), {"unk_token": "<unk>"}),
    "m-marian-plain": (dict(normalization_rule_name="identity", remove_extra_whitespaces=False),
                       dict(add_dummy_prefix=False), {"additional_special_tokens": ["<extra>"],
                                                      "clean_up_tokenization_spaces": True}),
}


def marian(folder, lines, size=800, wanted=lambda name: True, more={}):
    """(name, whether the target's side is meant, directory)"""
    try:
        import sentencepiece as spm
    except ImportError:
        return
    for name, (source, target, config) in MARIAN.items():
        if not wanted(name) and not wanted(name + "-target"):
            continue
        directory = os.path.join(folder, name)
        os.makedirs(directory, exist_ok=True)
        pieces = ["</s>", "<unk>"]
        for file, part, options in (("source.spm", lines[::2], source),
                                    ("target.spm", lines[1::2], target)):
            train(os.path.join(directory, file), part, size, **options, **more)
            model = spm.SentencePieceProcessor(model_file=os.path.join(directory, file))
            pieces += [model.id_to_piece(i) for i in range(model.get_piece_size())]
        pieces += [">>fra<<", "\u6771\u4eac", "<pad>"]
        vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
        with open(os.path.join(directory, "vocab.json"), "w") as f:
            json.dump(vocab, f)
        with open(os.path.join(directory, "tokenizer_config.json"), "w") as f:
            json.dump(config or {}, f)
        for side in ("", "-target"):
            if wanted(name + side):
                yield name + side, bool(side), directory
