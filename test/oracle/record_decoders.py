#!/usr/bin/env python3
"""Record PyTorch training runs of decoder-only models that ftrt must follow step by step.

GPT-2, Llama, Mistral and Qwen2 with small random checkpoints of odd sizes (kept in half precision,
trained from f32), trained byte-level BPE tokenizers and the data of record_runs.py; 50 AdamW steps,
padded on the right. The f64 runs are f64 throughout: transformers computes RMS norms and the sines
of rotary positions in f32 whatever the model's type, which is taken out here, and checked to leave
the f32 results as they are.

    python test/oracle/record_decoders.py            # rewrites their folders in recordings/
"""

import json

import record_runs
import small_models
import tokenizers
import torch
import transformers
from record_runs import CLASSES, TAGS
from safetensors.torch import save_file
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral
from transformers.models.qwen2 import modeling_qwen2

POSITIONS = 64
FAMILIES = ("gpt2", "llama", "mistral", "qwen2")
TASKS = ("text-classification", "token-classification", "question-answering", "text-generation")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")


def train_tokenizer(family, task, folder, texts):
    """Byte-level BPE as each family has it: GPT-2's alone, or behind a split by a pattern."""
    specials = {"gpt2": ["<|endoftext|>"], "qwen2": ["<|endoftext|>"]}.get(
        family, ["<s>", "</s>", "<pad>"])
    backend = tokenizers.Tokenizer(models.BPE())
    if family == "qwen2":
        backend.normalizer = normalizers.NFC()
    if family in ("gpt2", "mistral"):
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        backend.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(LLAMA3 if family == "llama" else QWEN2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=293, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if family in ("llama", "mistral"):
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])
    else:
        backend.post_processor = processors.ByteLevel(trim_offsets=False)
    kind = {"gpt2": transformers.GPT2TokenizerFast, "qwen2": transformers.Qwen2TokenizerFast}.get(
        family, transformers.PreTrainedTokenizerFast)
    names = {"pad_token": specials[-1], "eos_token": specials[-2:][0]}
    if len(specials) > 1:
        names["bos_token"] = specials[0]
    kind(tokenizer_object=backend, model_max_length=POSITIONS, padding_side="right",
         **names).save_pretrained(folder)
    for extra in ("vocab.json", "merges.txt"):
        (folder / extra).unlink(missing_ok=True)


def make_config(family, task, vocabulary, pad):
    labels = CLASSES if task == "text-classification" else TAGS
    names = dict(enumerate(labels))
    common = {"vocab_size": vocabulary, "pad_token_id": pad, "classifier_dropout": 0.0}
    if task != "question-answering":
        common.update(id2label=names, label2id={label: index for index, label in names.items()})
    if family == "gpt2":
        return transformers.GPT2Config(
            **common, n_embd=44, n_head=2, n_layer=2, n_inner=61, n_positions=POSITIONS,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    sizes = {"max_position_embeddings": POSITIONS, "intermediate_size": 61}
    if family == "llama":
        return transformers.LlamaConfig(
            **common, **sizes, hidden_size=44, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=14, attention_bias=True, mlp_bias=True,
            rope_theta=500.0, rope_scaling={
                "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
                "high_freq_factor": 3.0, "original_max_position_embeddings": 24})
    if family == "mistral":
        return transformers.MistralConfig(
            **common, **sizes, hidden_size=40, num_hidden_layers=2, num_attention_heads=3,
            num_key_value_heads=1, head_dim=12, sliding_window=7, rope_theta=1000.0)
    return transformers.Qwen2Config(
        **common, **sizes, hidden_size=42, num_hidden_layers=3, num_attention_heads=3,
        tie_word_embeddings=task == "text-generation", num_key_value_heads=1, use_sliding_window=True, sliding_window=9, max_window_layers=1,
        rope_theta=2000.0, rope_scaling={"rope_type": "linear", "factor": 1.5})


def make_model(family, task, config):
    kind = {"text-classification": "ForSequenceClassification",
            "token-classification": "ForTokenClassification",
            "question-answering": "ForQuestionAnswering",
            "text-generation": "LMHeadModel" if family == "gpt2" else "ForCausalLM"}[task]
    prefix = {"gpt2": "GPT2", "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}[family]
    model = getattr(transformers, prefix + kind)(config)
    return small_models.scatter(model)


def save_model(model, folder):
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = [type(model).__name__]
    config["torch_dtype"] = "float16"
    config.pop("dtype", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
    state = model.state_dict()
    if "lm_head.weight" in state and model.config.tie_word_embeddings:
        del state["lm_head.weight"]
    save_file({name: value.half().contiguous() for name, value in state.items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def exact_norm(self, x):
    scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
    return self.weight * (x * scale)


def exact_rotary(self, x, position_ids):
    frequencies = self.inv_freq[None, :, None].float().expand(position_ids.shape[0], -1, 1)
    angles = (frequencies @ position_ids[:, None, :].float()).transpose(1, 2)
    angles = torch.cat((angles, angles), dim=-1).to(x.dtype)
    return angles.cos() * self.attention_scaling, angles.sin() * self.attention_scaling


def expect_equal(before, after):
    """The same scores to the bit: of classes, or of an answer's start and end."""
    for name in before:
        if name.endswith("logits"):
            assert torch.equal(before[name], after[name])


def compute_in_model_type(model, batch):
    """Take the f32 islands out of the modeling files; f32 results must not move by a bit."""
    before = model(**batch)
    for module, name in ((modeling_llama, "Llama"), (modeling_mistral, "Mistral"),
                         (modeling_qwen2, "Qwen2")):
        getattr(module, name + "RMSNorm").forward = exact_norm
        getattr(module, name + "RotaryEmbedding").forward = exact_rotary
    expect_equal(before, model(**batch))


def language_rows(tokenizer, text_rows):
    """A text, the end of text, the cut; token t's label is token t + 1."""
    rows = []
    for first, _, _ in text_rows:
        ids = tokenizer(first)["input_ids"] + [tokenizer.eos_token_id]
        ids = ids[:record_runs.LENGTH]
        rows.append((ids, None, ids[1:] + [-100]))
    return rows


def main():
    args = small_models.arguments(__doc__, FAMILIES, TASKS)
    for family, task, folder, tokenizer, data in small_models.each(args, FAMILIES, TASKS, False,
                                                                   train_tokenizer):
        config = make_config(family, task, len(tokenizer), tokenizer.pad_token_id)
        if task == "text-generation":
            config.eos_token_id = tokenizer.eos_token_id
        model = make_model(family, task, config)
        save_model(model, folder / "model")
        if task == "text-generation":
            rows = language_rows(tokenizer, data.text_rows)
        else:
            rows = record_runs.encode(task, family, tokenizer, *data)
            rows = [(ids, None, labels) for ids, _, labels in rows]
        compute_in_model_type(model, record_runs.collate(rows[:4], tokenizer.pad_token_id)[0])
        record_runs.record(folder, model, rows, tokenizer, 1, data.questions)


if __name__ == "__main__":
    main()
