#!/usr/bin/env python3
"""Record PyTorch training runs of encoder-decoders that ftrt must follow step by step.

Small random checkpoints of odd sizes (kept in half precision, trained from f32), trained
tokenizers, 50 AdamW steps: translation with label smoothing, a batch a step; summarization with
four batches accumulated. As in record_decoders.py the f64 runs are f64 throughout: T5's norms and
softmax compute in f32 whatever the model's type, which is taken out here, and checked to leave the
f32 results as they are. Needs sentencepiece and protobuf for the tokenizers' files.

    python test/oracle/record_targets.py [--family marian]   # rewrites folders in recordings/
"""

import argparse
import inspect
import io
import json
import pathlib
import random
import shutil
import textwrap

import record_runs
import sentencepiece
import torch
import transformers
from record_decoders import save_model
from tokenizers import ByteLevelBPETokenizer
from transformers.models.mt5 import modeling_mt5
from transformers.models.t5 import modeling_t5

SOURCE, TARGET, VOCABULARY = 40, 20, 170
TASKS = ("translation", "summarization")
ACCUMULATION = {"translation": 1, "summarization": 4}
SMOOTHING = {"translation": 0.1, "summarization": 0.0}
PREFIX = {"t5": {"translation": "put: ", "summarization": "sum: "}}
LANGUAGES = {"mbart": ("en_XX", "de_DE")}
SPECIALS = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
FILES = {"t5": "spiece.model", "mt5": "spiece.model", "pegasus": "spiece.model",
         "mbart": "sentencepiece.bpe.model"}
CLASSES = {"t5": "T5TokenizerFast", "mt5": "T5TokenizerFast", "pegasus": "PegasusTokenizerFast",
           "mbart": "MBartTokenizerFast", "bart": "BartTokenizerFast", "marian": "MarianTokenizer"}


def train_pieces(path, lines, size=VOCABULARY, **options):
    """A unigram model of SentencePiece; identity normalization, whose table is empty."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=size, minloglevel=2,
        hard_vocab_limit=False, num_threads=1, normalization_rule_name="identity", **options)
    path.write_bytes(out.getvalue())


def make_tokenizer(family, folder, sources, targets):
    settings = {"model_max_length": 64, "tokenizer_class": CLASSES[family].replace("Fast", "")}
    if family == "marian":
        pieces = ["</s>", "<unk>"]
        for file, lines in (("source.spm", sources), ("target.spm", targets)):
            train_pieces(folder / file, lines, VOCABULARY - 40)
            model = sentencepiece.SentencePieceProcessor(model_file=str(folder / file))
            pieces += [model.id_to_piece(i) for i in range(model.get_piece_size())
                       if not model.is_control(i)]
        vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces + ["<pad>"]))}
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
        settings.update(source_lang="en", target_lang="de")
    elif family == "bart":
        trained = ByteLevelBPETokenizer()
        trained.train_from_iterator(sources + targets, vocab_size=290, show_progress=False,
                                    special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        trained.save_model(str(folder))
    else:
        special = dict(user_defined_symbols=[]) if family == "mbart" else SPECIALS
        train_pieces(folder / FILES[family], sources + targets, **special)
        if family in ("t5", "mt5"):
            settings["extra_ids"] = 7
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    kind = getattr(transformers, CLASSES[family])
    if family == "mbart":
        source, target = LANGUAGES[family]
        return kind.from_pretrained(folder, src_lang=source, tgt_lang=target)
    return kind.from_pretrained(folder)


def make_config(family, tokenizer):
    common = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id,
              "eos_token_id": tokenizer.eos_token_id}
    if family in ("t5", "mt5"):
        kind = transformers.T5Config if family == "t5" else transformers.MT5Config
        form = ({"feed_forward_proj": "relu", "tie_word_embeddings": True} if family == "t5" else
                {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False})
        return kind(**common, **form, d_model=38, d_kv=10, num_heads=3, d_ff=53, num_layers=2,
                    num_decoder_layers=2, relative_attention_num_buckets=12,
                    relative_attention_max_distance=19, dropout_rate=0.0,
                    decoder_start_token_id=tokenizer.pad_token_id)
    sizes = {"d_model": 36, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 53,
             "decoder_ffn_dim": 47, "encoder_attention_heads": 3, "decoder_attention_heads": 2,
             "max_position_embeddings": 64, "dropout": 0.0}
    if family == "marian":
        return transformers.MarianConfig(
            **common, **sizes, activation_function="swish", scale_embedding=True,
            decoder_start_token_id=tokenizer.pad_token_id, forced_eos_token_id=0)
    if family == "bart":
        return transformers.BartConfig(**common, **sizes, bos_token_id=tokenizer.bos_token_id)
    if family == "mbart":
        return transformers.MBartConfig(**common, **sizes, scale_embedding=True,
                                        bos_token_id=tokenizer.bos_token_id)
    return transformers.PegasusConfig(
        **common, **sizes, scale_embedding=True, activation_function="relu",
        tie_word_embeddings=False, decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=1)


def make_model(config):
    kind = {"marian": "MarianMTModel", "bart": "BartForConditionalGeneration",
            "mbart": "MBartForConditionalGeneration", "t5": "T5ForConditionalGeneration",
            "pegasus": "PegasusForConditionalGeneration",
            "mt5": "MT5ForConditionalGeneration"}[config.model_type]
    model = getattr(transformers, kind)(config)
    # Every parameter away from its trivial start, and exact in half precision.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                if name not in record_runs.other_names(model):
                    parameter.copy_(parameter.half().float())
                continue
            wide = name.endswith(("shared.weight", "relative_attention_bias.weight"))
            scale = (0.5 if wide else 0.12) if parameter.dim() > 1 else 0.05
            noise = scale * torch.randn(parameter.shape)
            one = ("norm" in name) and name.endswith("weight")
            parameter.copy_((noise + (1.0 if one else 0.0)).half().float())
        for name, buffer in model.named_buffers():
            if name == "final_logits_bias":
                buffer.copy_((0.3 * torch.randn(buffer.shape)).half().float())
    return model


def save(model, folder):
    """save_model of record_decoders.py, without other names of tied tables."""
    left_out = record_runs.other_names(model)
    state = model.state_dict
    model.state_dict = lambda: {name: value for name, value in state().items()
                                if name not in left_out}
    save_model(model, folder)
    model.state_dict = state


def collate(rows, pad):
    """Sources padded with their mask, labels padded with -100."""
    def padded(lists, filler):
        width = max(map(len, lists))
        return torch.tensor([list(one) + [filler] * (width - len(one)) for one in lists])

    return {"input_ids": padded([ids for ids, _, _ in rows], pad),
            "attention_mask": padded([[1] * len(ids) for ids, _, _ in rows], 0)}, \
        padded([labels for _, _, labels in rows], -100)


def summed_loss(model, inputs, labels):
    """The smoothed loss before the division by the number of labels that count."""
    start = model.prepare_decoder_input_ids_from_labels(labels=labels)
    logits = model(**inputs, decoder_input_ids=start).logits
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100,
        reduction="sum", label_smoothing=record_runs.FLAGS["label_smoothing_factor"])


def evaluate(model, rows, pad):
    model.eval()
    with torch.no_grad():
        total = sum(summed_loss(model, *collate([row], pad)).item() for row in rows)
    return {"eval_loss": total / record_runs.counted(rows)}


def compute_in_model_type(model, rows, pad):
    """Take the f32 islands out of T5's modeling files; f32 results must not move by a bit."""
    before = summed_loss(model, *collate(rows, pad))

    def exact_norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)
                                              + self.variance_epsilon))

    for module, name in ((modeling_t5, "T5"), (modeling_mt5, "MT5")):
        getattr(module, name + "LayerNorm").forward = exact_norm
        attention = getattr(module, name + "Attention")
        if "exact" in vars(attention):
            continue
        source = textwrap.dedent(inspect.getsource(attention.forward))
        changed = source.replace("softmax(scores.float(), dim=-1)", "softmax(scores, dim=-1)")
        assert changed != source
        space = dict(vars(module))
        exec(changed, space)  # noqa: S102
        attention.forward, attention.exact = space["forward"], True
    assert torch.equal(before, summed_loss(model, *collate(rows, pad)))


def write_data(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "translations.jsonl", "w", encoding="utf-8") as file:
        for source, target, _ in rows:
            file.write(json.dumps({"translation": {"en": source, "de": target}},
                                  ensure_ascii=False) + "\n")
    with open(folder / "summaries.jsonl", "w", encoding="utf-8") as file:
        for source, target, _ in rows:
            file.write(json.dumps({"text": source, "summary": target}, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=pathlib.Path, default=record_runs.HERE)
    parser.add_argument("--family", choices=CLASSES, help="record this one, and leave the others")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record_runs.STEPS = 50
    record_runs.LENGTH = SOURCE
    record_runs.collate, record_runs.summed_loss = collate, summed_loss
    record_runs.evaluate_language = evaluate
    rng = random.Random(9)
    rows = record_runs.make_text_rows(rng, record_runs.make_words(rng, 160))[:120]
    write_data(args.output_dir / "data", rows)
    for family in [args.family] if args.family else CLASSES:
        for task in TASKS:
            torch.manual_seed(1234)
            folder = args.output_dir / ("%s-%s" % (family, task))
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "model").mkdir(parents=True)
            tokenizer = make_tokenizer(family, folder / "model", [row[0] for row in rows],
                                       [row[1] for row in rows])
            model = make_model(make_config(family, tokenizer))
            save(model, folder / "model")
            prefix = PREFIX.get(family, {}).get(task, "")
            record_runs.FLAGS["label_smoothing_factor"] = SMOOTHING[task]
            encoded = []
            for source, target, _ in rows:
                ids = tokenizer(prefix + source, truncation=True, max_length=SOURCE)["input_ids"]
                labels = tokenizer(text_target=target, truncation=True,
                                   max_length=TARGET)["input_ids"]
                encoded.append((ids, None, labels))
            compute_in_model_type(model, encoded[:4], tokenizer.pad_token_id)
            record_runs.record(folder, model, encoded, tokenizer, ACCUMULATION[task], None)
            note_flags(folder / ("run-%d.json" % ACCUMULATION[task]), family, task, prefix)


def note_flags(path, family, task, prefix):
    """What ftc and ftrt are told beside the hyper-parameters."""
    recording = json.loads(path.read_text())
    flags = recording["flags"]
    flags["max_source_length"] = flags.pop("max_seq_length")
    flags["max_target_length"] = TARGET
    if prefix:
        flags["source_prefix"] = prefix
    if task == "translation" or family in LANGUAGES:
        flags["source_lang"], flags["target_lang"] = LANGUAGES.get(family, ("en", "de"))
    path.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
