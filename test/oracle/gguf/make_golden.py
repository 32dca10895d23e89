#!/usr/bin/env python3
"""Writes the small GGUF files of the unit and end-to-end tests with what gguf-py and
transformers read of them.

usage: make_golden.py DIRECTORY SEEDS     test/runtime/io/data/gguf test/fuzz/seeds/gguf

blocks.gguf, blocks.safetensors     two rows of every type; what gguf-py dequantizes them to
llama.gguf, llama/                  a tiny Llama (grouped heads, tied) with F32, F16, Q8_0, Q4_0
                                    and Q5_1 tensors; the model in Hugging Face layout, with
                                    weights as transformers reads them out of that file
SEEDS/0, 1, 2                       small files for the fuzzer: byte-level and SentencePiece
                                    tokenizers with a Llama, quantized tensors
"""

import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
import safetensors.numpy
import tokenizers
import transformers
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

import compare
import models

KINDS = {"token_embd": "F16", "ffn_up": "Q8_0", "ffn_gate": "Q4_0", "attn_q": "Q8_0",
         "attn_k": "Q4_0", "attn_output": "Q5_1"}


def make_blocks(folder):
    expected = compare.write_blocks(folder / "blocks.gguf", 2, None, np.random.default_rng(1))
    safetensors.numpy.save_file(expected, folder / "blocks.safetensors")


def make_llama(folder):
    config = models.small_config("llama", tied=True)
    model = models.random_model(config, 3)
    tokenizer = models.byte_level_tokenizer("smollm")
    kinds = {name: gguf.GGMLQuantizationType[kind] for name, kind in KINDS.items()}
    path = folder / "llama.gguf"
    models.write_gguf(path, model, tokenizer, "smollm", kinds)
    out = folder / "llama"
    shutil.rmtree(out, ignore_errors=True)
    read = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    state = {name: np.ascontiguousarray(tensor.float().numpy()) for name, tensor in read.items()}
    model.load_state_dict({name: tensor.float() for name, tensor in read.items()}, strict=False)
    out.mkdir()
    safetensors.numpy.save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    config.architectures = ["LlamaForCausalLM"]
    config.torch_dtype = "float32"
    (out / "config.json").write_text(json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n")
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    texts = compare.texts(tokenizer, 60, 1)
    lines = []
    for text in texts:
        encoding = tokenizer.encode(text)
        lines.append(json.dumps({"text": text, "ids": encoding.ids, "offsets": encoding.offsets}))
    (out / "encodings.jsonl").write_text("\n".join(lines) + "\n")


def start_seed(path, hidden=8, arch="llama"):
    writer = gguf.GGUFWriter(str(path), arch)
    writer.add_block_count(1)
    writer.add_context_length(16)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(8)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    return writer


def finish_seed(writer):
    # The last tensor ends at a multiple of the alignment: every cut of the file is a loss.
    writer.add_tensor("output_norm.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    writer = start_seed(folder / "0")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["a", "b", "ab", "<|end|>"])
    writer.add_token_types([1, 1, 1, 3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(3)
    writer.add_chat_template("{{ messages }}")
    writer.add_tensor("token_embd.weight", np.arange(32, dtype=np.float32).reshape(4, 8))
    writer.add_tensor("blk.0.attn_q.weight", np.arange(64, dtype=np.float16).reshape(8, 8))
    finish_seed(writer)
    writer = start_seed(folder / "1")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", "▁", "a", "▁a", "<0x0A>"])
    writer.add_token_scores([0.0, 0.0, 0.0, -2.0, -3.0, -1.0, 0.0])
    writer.add_token_types([2, 3, 3, 1, 1, 1, 6])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(2.0)
    writer.add_tensor("token_embd.weight", np.zeros((7, 8), np.float32))
    finish_seed(writer)
    writer = start_seed(folder / "2", 32, "qwen2")
    generator = np.random.default_rng(5)
    for name, kind in (("token_embd", "Q8_0"), ("blk.0.ffn_up", "Q4_0"), ("blk.0.attn_q", "Q5_1")):
        kind = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name + ".weight", compare.random_blocks(kind, 2, 32, generator),
                          raw_dtype=kind)
    kind = gguf.GGMLQuantizationType.Q4_K
    writer.add_tensor("blk.0.ffn_down.weight", compare.random_blocks(kind, 1, 256, generator),
                      raw_dtype=kind)
    finish_seed(writer)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make_seeds(pathlib.Path(sys.argv[2]))
    make_blocks(folder)
    make_llama(folder)


if __name__ == "__main__":
    main()
