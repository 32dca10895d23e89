#!/usr/bin/env python3
"""Record what transformers' generate writes with the decoders of record_decoders.py.

Prompts of very different lengths, each alone (no padding), in fp32: greedy and beam search over
the settings that flags have, and over two generation_config.json that say the rest (forced and
banned tokens, several end tokens, early stopping). Reference: test/e2e/test_generation.py.

    python test/oracle/record_generation.py      # writes RECORDING/generation.json
"""

import json
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent / "recordings"
FAMILIES = ("gpt2", "llama", "mistral", "qwen2")
WORDS = (1, 2, 3, 5, 8, 1, 4)
NEW_TOKENS = 18
# What `ftrt predict` has flags for.
FLAGS = [
    {}, {"max_new_tokens": 5}, {"max_length": 52}, {"min_length": 40}, {"no_repeat_ngram_size": 3},
    {"no_repeat_ngram_size": 1}, {"num_beams": 4}, {"num_beams": 4, "length_penalty": 0.6},
    {"num_beams": 4, "length_penalty": 2.0}, {"num_beams": 3, "no_repeat_ngram_size": 3},
    {"num_beams": 4, "length_penalty": 2.0, "min_length": 30},
]


def prompts_of(count):
    texts = [json.loads(line)["text"] for line in
             (HERE / "data" / "singles.jsonl").read_text(encoding="utf-8").splitlines()]
    cut = [" ".join(texts[index].split(" ")[:words]) for index, words in enumerate(count)]
    return cut + ["a"]  # a single token, where the tokenizer adds none


def greedy_ids(model, prompts):
    return [model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                           max_new_tokens=NEW_TOKENS, eos_token_id=None)[0, ids.shape[1]:].tolist()
            for ids in prompts]


def configs_of(model, prompts):
    """generation_config.json by name. Ends are tokens that the model writes of itself, so that
    texts end early, at different steps."""
    written = greedy_ids(model, prompts)
    first, second = written[2][4], written[4][7]
    common = [token for ids in written for token in ids]
    banned = max(set(common) - {first, second}, key=common.count)
    return named_configs(first, second, banned, model.config.eos_token_id, written)


def named_configs(first, second, banned, end, written):
    """What decoders and encoder-decoders have alike; `written`: greedy ids of each prompt."""
    return {
        "plain": {"eos_token_id": end},
        "ends": {"eos_token_id": [first, second], "max_new_tokens": 14, "early_stopping": True,
                 "repetition_penalty": 1.3},
        "forced": {"eos_token_id": first, "forced_eos_token_id": first, "early_stopping": "never",
                   "forced_bos_token_id": second, "suppress_tokens": [banned],
                   "bad_words_ids": [[second, banned], [written[3][1], written[3][2]]],
                   "min_new_tokens": 3},
    }


def generate(model, prompts, config, flags):
    values = {"do_sample": False, "pad_token_id": 0, **config, **flags}
    if "min_length" in flags:
        values.pop("min_new_tokens", None)
    if "max_length" in flags:
        values.pop("max_new_tokens", None)
    elif "max_new_tokens" not in values:
        values["max_new_tokens"] = NEW_TOKENS
    rows = []
    for ids in prompts:
        out = model.generate(ids, attention_mask=torch.ones_like(ids),
                             generation_config=transformers.GenerationConfig(**values))
        rows.append(out[0, ids.shape[1]:].tolist())
    return rows


def main():
    torch.set_num_threads(1)
    for family in FAMILIES:
        folder = HERE / (family + "-text-generation")
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder / "model", dtype=torch.float32, attn_implementation="eager").eval()
        model.generation_config = transformers.GenerationConfig()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
        prompts = prompts_of(WORDS)
        encoded = [tokenizer(text, return_tensors="pt")["input_ids"] for text in prompts]
        configs = configs_of(model, encoded)
        cases = []
        for name, config in configs.items():
            for flags in FLAGS:
                cases.append({"config": name, "flags": flags,
                              "ids": generate(model, encoded, config, flags)})
        text = ('{"transformers": %s,\n"new_tokens": %d,\n"prompts": %s,\n"configs": %s,\n'
                '"cases": [\n%s\n]}\n') % (
            json.dumps(transformers.__version__), NEW_TOKENS,
            json.dumps(prompts, ensure_ascii=False), json.dumps(configs),
            ",\n".join(json.dumps(case) for case in cases))
        (folder / "generation.json").write_text(text, encoding="utf-8")
        lengths = sorted({len(ids) for case in cases for ids in case["ids"]})
        print("%s: %d cases, prompts of %s tokens, texts of %s" % (
            family, len(cases), [ids.shape[1] for ids in encoded], lengths))


if __name__ == "__main__":
    main()
