#!/usr/bin/env python3
"""Record what transformers' generate writes with encoder-decoders.

Small random models of every family (kept in half precision) whose blocks outweigh their
embeddings, so that texts follow their source and do not repeat one token; the tokenizers are those
of record_targets.py. Sources of very different lengths, each alone (no padding), in fp32: greedy
and beam search over the settings that flags have and over generation_config.json of five kinds;
each case must come out the same in f64, so that rounding decides none. With --real MODEL_DIR (a
pretrained model, which is not kept), its texts too. Reference: test/e2e/test_target_generation.py.

    python test/oracle/record_target_generation.py [--family marian] [--real MODEL_DIR]
"""

import argparse
import json
import pathlib
import shutil

import record_generation
import record_targets
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent / "recordings"
# Recorded name: the family whose tokenizer and configuration it has.
FAMILIES = {"marian": "marian", "bart": "bart", "mbart": "mbart", "mbart50": "mbart",
            "pegasus": "pegasus", "t5": "t5", "t5-gated": "t5", "mt5": "mt5"}
LANGUAGES = {"mbart": ("en_XX", "de_DE"), "mbart50": ("en_XX", "nl_XX")}
CUTS = (3, 7, 12, 22, 40, 5, 64, 1)  # characters of a source
# For a pretrained transliterator of names: Arabic letters, one a token.
REAL = [" ".join(name) for name in ("محمد", "سارة", "ا", "عبدالرحمن", "فاطمة", "لندن", "واشنطن",
                                    "ي", "كريستوفر", "أمستردام")]
SOURCE, TARGET = 40, 24
FLAGS = [
    {}, {"max_new_tokens": 5}, {"max_length": 9}, {"min_length": 14}, {"no_repeat_ngram_size": 3},
    {"no_repeat_ngram_size": 1}, {"num_beams": 4}, {"num_beams": 4, "length_penalty": 0.6},
    {"num_beams": 4, "length_penalty": 2.0}, {"num_beams": 3, "no_repeat_ngram_size": 3},
    {"num_beams": 4, "length_penalty": 2.0, "min_length": 12}, {"num_beams": 4, "max_length": 7},
]


def sources_of():
    rows = [json.loads(line)["translation"]["en"] for line in
            (HERE / "data" / "translations.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row[:cut] for row, cut in zip(rows[3:], CUTS)]


def make_tokenizer(name, family, folder):
    """The recorded tokenizer; mBART-50's is mBART's pieces under another class."""
    for file in (HERE / (family + "-translation") / "model").iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            shutil.copyfile(file, folder / file.name)
    kind, options = record_targets.CLASSES[family], {}
    if name == "mbart50":
        kind = "MBart50TokenizerFast"
        path = folder / "tokenizer_config.json"
        settings = dict(json.loads(path.read_text()), tokenizer_class="MBart50Tokenizer")
        path.write_text(json.dumps(settings, indent=1) + "\n")
    if name in LANGUAGES:
        options = dict(zip(("src_lang", "tgt_lang"), LANGUAGES[name]))
    return getattr(transformers, kind).from_pretrained(folder, **options)


def make_model(name, family, tokenizer):
    config = record_targets.make_config(family, tokenizer)
    if name == "t5-gated":
        values = {**config.to_dict(), "feed_forward_proj": "gated-gelu",
                  "tie_word_embeddings": False}
        for derived in ("is_gated_act", "dense_act_fn"):
            del values[derived]
        config = transformers.T5Config(**values)
    if name == "mbart50":
        config.decoder_start_token_id = tokenizer.eos_token_id
    model = record_targets.make_model(config)
    named = dict(model.named_parameters())
    last = next(name for name in LAST_NORMS if name in named)
    with torch.no_grad():
        for name, parameter in named.items():
            if parameter.requires_grad and parameter.dim() > 1:
                parameter.mul_(GAIN.get(name.split(".")[-2], 1))
        # With tied tables the scores would echo the token that a row stands for.
        named[last].mul_(torch.randint(0, 2, named[last].shape) * 2 - 1)
        for parameter in named.values():
            assert torch.equal(parameter, parameter.half().float()) or not parameter.requires_grad
    return model.eval()


# What the blocks add to the rows, and how sharply they look (powers of two: exact).
GAIN = {"out_proj": 2, "o": 2, "q_proj": 4, "k_proj": 4, "q": 4, "k": 4,
        "relative_attention_bias": 4}
LAST_NORMS = ("decoder.final_layer_norm.weight", "model.decoder.layer_norm.weight",
              "model.decoder.layers.1.final_layer_norm.weight")


def generate(model, encoded, values):
    rows = []
    for ids in encoded:
        out = model.generate(ids, attention_mask=torch.ones_like(ids),
                             generation_config=transformers.GenerationConfig(**values))
        rows.append(out[0, 1:].tolist())
    return rows


def settings(config, flags, start):
    """A case's GenerationConfig; ftrt's max_length is the artifact's max_target_length."""
    values = {"do_sample": False, "pad_token_id": 0, "decoder_start_token_id": start,
              **config, **flags}
    if "min_length" in flags:
        values.pop("min_new_tokens", None)
    if "max_length" in flags:
        values.pop("max_new_tokens", None)
    elif "max_new_tokens" not in values:
        values["max_length"] = TARGET
    return values


def choose_model(name, family, tokenizer):
    """The first seed whose greedy texts have seven distinct tokens on average."""
    encoded = encode(tokenizer, sources_of())
    for seed in range(100):
        torch.manual_seed(seed)
        model = make_model(name, family, tokenizer)
        # What a call does not say would be taken from the model's own.
        model.generation_config = transformers.GenerationConfig()
        start = model.config.decoder_start_token_id
        if name == "mbart":
            start = tokenizer.lang_code_to_id[LANGUAGES[name][1]]
        texts = generate(model, encoded, settings({"eos_token_id": None}, {}, start))
        if sum(len(set(ids)) for ids in texts) >= 7 * len(texts):
            return model, start
    raise SystemExit(name + ": every model repeats itself")


def encode(tokenizer, sources):
    return [tokenizer(text, return_tensors="pt", truncation=True, max_length=SOURCE)["input_ids"]
            for text in sources]


def configs_of(model, encoded, start):
    """generation_config.json by name. Ends are tokens that the model writes of itself, so that
    texts end early, at different steps."""
    plain = generate(model, encoded, settings({"eos_token_id": None}, {}, start))
    common = [token for ids in plain for token in ids]
    by_count = sorted(set(common), key=common.count)
    first, second = plain[2][4], next(t for t in plain[4][7:] + by_count if t != plain[2][4])
    banned = next(token for token in reversed(by_count) if token not in (first, second))
    end, pad = model.config.eos_token_id, model.config.pad_token_id
    return {
        **record_generation.named_configs(first, second, banned, end, plain),
        "opus": {"eos_token_id": first, "forced_eos_token_id": end, "bad_words_ids": [[pad]],
                 "num_beams": 4, "renormalize_logits": True, "early_stopping": False},
        "source": {"eos_token_id": first, "encoder_no_repeat_ngram_size": 1},
    }, plain


def record(name, folder, model, tokenizer, start, written_start):
    sources = REAL if name == "real" else sources_of()
    encoded = encode(tokenizer, sources)
    configs, plain = configs_of(model, encoded, start)
    if name == "mbart50":  # what --target_lang says
        forced = tokenizer.lang_code_to_id[LANGUAGES[name][1]]
        for config in configs.values():
            config.setdefault("forced_bos_token_id", forced)
    cases = [{"config": config, "flags": flags,
              "ids": generate(model, encoded, settings(configs[config], flags, start))}
             for config in configs for flags in FLAGS]
    texts = {(case["config"], str(case["flags"])): case["ids"] for case in cases}
    greedy = generate(model, encoded, settings({"eos_token_id": configs["ends"]["eos_token_id"][0]},
                                               {}, start))
    # Not every model would repeat its source; those that always run in the test must.
    assert name not in ("marian", "t5", "mbart50") or texts["source", "{}"] != greedy, name
    model.double()
    for case in cases:
        values = settings(configs[case["config"]], case["flags"], start)
        again = generate(model, encoded, values)
        assert again == case["ids"], (name, case, again)
    model.float()
    for config in configs.values():  # what ftrt finds by itself is not said to it
        if name == "mbart50" and config["forced_bos_token_id"] == forced:
            del config["forced_bos_token_id"]
        if written_start:
            config["decoder_start_token_id"] = start
    text = ('{"transformers": %s,\n"source": %d, "target": %d, "languages": %s,\n"prompts": %s,\n'
            '"configs": %s,\n"cases": [\n%s\n]}\n') % (
        json.dumps(transformers.__version__), SOURCE, TARGET,
        json.dumps(LANGUAGES.get(name, ("en", "de"))), json.dumps(sources, ensure_ascii=False),
        json.dumps(configs), ",\n".join(json.dumps(case) for case in cases))
    (folder / "generation.json").write_text(text, encoding="utf-8")
    print("%s: %d cases, sources of %s tokens, %s distinct tokens, %d distinct texts, lengths %s" % (
        name, len(cases), [ids.shape[1] for ids in encoded], [len(set(ids)) for ids in plain],
        len(set(map(tuple, plain))), sorted({len(ids) for case in cases for ids in case["ids"]})))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, help="record this one, and leave the others")
    parser.add_argument("--real", type=pathlib.Path, help="a pretrained model's directory")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in [args.family] if args.family else FAMILIES if not args.real else ():
        folder = HERE / (name + "-generation")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "model").mkdir(parents=True)
        tokenizer = make_tokenizer(name, FAMILIES[name], folder / "model")
        model, start = choose_model(name, FAMILIES[name], tokenizer)
        record_targets.save(model, folder / "model")
        record(name, folder, model, tokenizer, start, written_start=name not in LANGUAGES)
    if args.real:
        folder = HERE / (args.real.name.split("-")[0] + "-generation")
        folder.mkdir(exist_ok=True)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            args.real, dtype=torch.float32, attn_implementation="eager").eval()
        start, model.generation_config = (model.config.decoder_start_token_id,
                                          transformers.GenerationConfig())
        tokenizer = transformers.AutoTokenizer.from_pretrained(args.real)
        record("real", folder, model, tokenizer, start, True)


if __name__ == "__main__":
    main()
