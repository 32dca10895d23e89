#!/usr/bin/env python3
"""Compares ftc's reading of GGUF with gguf-py's and transformers'.

usage: compare.py PROBE blocks          random blocks of every type, bit by bit
       compare.py PROBE layout          tiny models: names, values, config, tokenizer, logits
       compare.py PROBE sentencepiece   a tokenizer of kind llama against transformers' merges
       compare.py PROBE real FILE       a real file: every tensor, the model, its answer
       compare.py PROBE tokenizer FILE  a real file's tokenizer, of the kind smollm

PROBE is build/bin/gguf-probe (ninja gguf-probe). Needs gguf beside the packages in
../requirements.txt. Exits with 1 at the first difference.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import safetensors.numpy
import tokenizers
import torch
import transformers

import models

KINDS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]


def must(condition, what):
    if not condition:
        sys.exit("difference: " + what)


def probe(*arguments):
    done = subprocess.run([str(argument) for argument in arguments], stderr=subprocess.PIPE)
    must(done.returncode == 0, done.stderr.decode())


def same_bits(a, b):
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    return a.shape == b.shape and np.array_equal(a.view(np.uint32), b.view(np.uint32))


def random_blocks(kind, rows, columns, generator):
    """Raw bytes of random blocks with finite scales."""
    size, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (rows * columns // size, width), dtype=np.uint8)
    halves = {"F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}.get(kind.name, [])
    for at in halves:  # Exponents below the greatest: neither infinite nor NaN.
        blocks[:, at + 1] &= 0xBB
    if kind.name == "F32":
        blocks[:, 3] &= 0xBF
    if kind.name == "BF16":
        blocks[:, 1] &= 0xBF
    return blocks.reshape(rows, -1)


def write_blocks(path, rows, columns, generator):
    """A file with a tensor of random blocks of every type; what gguf-py reads of them. `columns`:
    None for two blocks of each type."""
    writer = gguf.GGUFWriter(str(path), "blocks")
    expected = {}
    for name in KINDS:
        kind = gguf.GGMLQuantizationType[name]
        raw = random_blocks(kind, rows, columns or 2 * gguf.GGML_QUANT_SIZES[kind][0], generator)
        if name in ("F32", "F16"):
            values = raw.view(np.float32 if name == "F32" else np.float16)
            writer.add_tensor(name, values)
            expected[name] = values.astype(np.float32)
        else:
            writer.add_tensor(name, raw, raw_dtype=kind)
            expected[name] = gguf.quants.dequantize(raw, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def compare_blocks(binary, scratch, rows=64, columns=1024):
    path, out = scratch / "blocks.gguf", scratch / "blocks.safetensors"
    expected = write_blocks(path, rows, columns, np.random.default_rng(20261126))
    probe(binary, "raw", path, out)
    found = safetensors.numpy.load_file(out)
    for name in KINDS:
        must(same_bits(found[name], expected[name]), "type " + name)
    print("blocks: %d values of each of %s equal bit by bit" % (rows * columns, ", ".join(KINDS)))


def texts(tokenizer, count, seed):
    """Random strings of vocabulary pieces, digits, white space and the training texts."""
    source = random.Random(seed)
    pieces = [tokenizer.decode([source.randrange(tokenizer.get_vocab_size())]) for _ in range(300)]
    pieces += [" ", "  ", "\n", "\t", "1", "23", "4567", " 8", "'s", "'LL", "é", "e\u0301", "ſ", "東",
               "\u2028", "Ⅷ", "½", "<|im_start|>", "<|im_end", "a", "B", "!", " ?!"]
    pieces = [piece for piece in pieces if "\ufffd" not in piece]
    return models.TEXT + ["".join(source.choices(pieces, k=source.randrange(1, 20)))
                          for _ in range(count)]


def same_tokenizer(found, expected, samples, what):
    for text in samples:
        a, b = found.encode(text), expected.encode(text)
        must(a.ids == b.ids and a.offsets == b.offsets, "%s: %r: %s, expected %s" % (
            what, text, list(zip(a.tokens, a.offsets)), list(zip(b.tokens, b.offsets))))
        a, b = found.encode(text, "x y"), expected.encode(text, "x y")
        must(a.ids == b.ids and a.type_ids == b.type_ids, what + ": pair of " + repr(text))
        must(found.decode(a.ids) == expected.decode(a.ids), what + ": decoding " + repr(text))


def same_config(found, expected, what):
    for key in ("model_type", "vocab_size", "hidden_size", "intermediate_size", "rms_norm_eps",
                "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_act",
                "max_position_embeddings", "rope_theta", "rope_scaling", "tie_word_embeddings",
                "bos_token_id", "eos_token_id", "pad_token_id", "attention_bias", "mlp_bias",
                "head_dim", "initializer_range", "sliding_window", "use_sliding_window"):
        must(getattr(found, key, None) == getattr(expected, key, None), "%s: %s is %r, expected %r"
             % (what, key, getattr(found, key, None), getattr(expected, key, None)))


def compare_layout(binary, scratch):
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=8192)
    cases = [("llama", "smollm", dict(tied=True)),
             ("llama", "gpt-2", dict(num_key_value_heads=4, attention_bias=True, mlp_bias=True)),
             ("llama", "llama-bpe", dict(head_dim=32, rope_scaling=llama3,
                                         max_position_embeddings=16384, bos_token_id=0)),
             ("llama", "smollm", dict(num_key_value_heads=1,
                                      rope_scaling=dict(rope_type="linear", factor=2.0))),
             ("qwen2", "qwen2", dict(tied=True)), ("qwen2", "qwen2", dict(hidden_size=64))]
    for number, (kind, pre, more) in enumerate(cases):
        config = models.small_config(kind, **more)
        model = models.random_model(config, number)
        tokenizer = models.byte_level_tokenizer(pre)
        path, out = scratch / ("%d.gguf" % number), scratch / str(number)
        models.write_gguf(path, model, tokenizer, pre)
        probe(binary, "export", path, out)
        what = "%s %s %s" % (kind, pre, more)
        state = {name: tensor.numpy() for name, tensor in model.state_dict().items()
                 if not (name == "lm_head.weight" and config.tie_word_embeddings)}
        found = safetensors.numpy.load_file(out / "model.safetensors")
        must(sorted(found) == sorted(state), what + ": names of tensors")
        for name, values in state.items():
            must(same_bits(found[name], values), what + ": " + name)
        same_config(transformers.AutoConfig.from_pretrained(out), config, what)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
        ids = torch.arange(3, 60)[None]
        with torch.no_grad():
            must(torch.equal(loaded(ids).logits, model(ids).logits), what + ": logits")
        read = transformers.AutoTokenizer.from_pretrained(out)
        must(read.chat_template == models.CHAT and read.eos_token == "<|im_end|>" and
             read.pad_token == "<|im_end|>", what + ": special tokens and chat template")
        same_tokenizer(tokenizers.Tokenizer.from_file(str(out / "tokenizer.json")), tokenizer,
                       texts(tokenizer, 2000, number), what)
        print("layout: %s: %d tensors, config, logits, tokenizer equal" % (what, len(state)))


def sentence_pieces():
    """A vocabulary with scores as SentencePiece's BPE trainer leaves them: minus the rank."""
    pieces = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)]
    scores, types = [0.0] * len(pieces), [2, 3, 3] + [6] * 256
    words = {}
    for text in models.TEXT * 2:
        for word in ("▁" + text.replace(" ", "▁").replace("▁", " ▁")).split(" "):
            words[word] = words.get(word, 0) + 1
    split = {word: list(word) for word in words}
    learned = []
    for _ in range(200):
        pairs = {}
        for word, count in words.items():
            for pair in zip(split[word], split[word][1:]):
                pairs[pair] = pairs.get(pair, 0) + count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if best[0] + best[1] not in learned:
            learned.append(best[0] + best[1])
        for word, parts in split.items():
            at = 0
            while at + 1 < len(parts):
                if (parts[at], parts[at + 1]) == best:
                    parts[at:at + 2] = [best[0] + best[1]]
                at += 1
    letters = sorted({letter for word in words for letter in word})
    learned = [piece for piece in learned if piece not in letters] + letters
    pieces += learned
    scores += [-float(rank) for rank in range(len(learned))]
    types += [1] * len(learned)
    return pieces + ["<|user|>"], scores + [-1000.0], types + [4]


def expected_llama_tokenizer(pieces, scores, prefix):
    """What transformers' LlamaConverter makes of a SentencePiece model with these pieces."""
    from transformers.convert_slow_tokenizer import generate_merges
    normal = {piece: number for number, piece in enumerate(pieces[:-1])}
    merges = generate_merges(normal, dict(zip(normal, scores)))
    out = tokenizers.Tokenizer(tokenizers.models.BPE(
        {piece: number for number, piece in enumerate(pieces)}, merges, unk_token="<unk>",
        fuse_unk=True, byte_fallback=True))
    add = tokenizers.AddedToken
    out.add_special_tokens([add(token, normalized=False, special=True) for token in pieces[:3]])
    out.add_tokens([add("<|user|>", normalized=False, special=False)])
    steps = [tokenizers.normalizers.Prepend("▁")] if prefix else []
    out.normalizer = tokenizers.normalizers.Sequence(
        steps + [tokenizers.normalizers.Replace(" ", "▁")])
    back = [tokenizers.decoders.Replace("▁", " "), tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse()]
    out.decoder = tokenizers.decoders.Sequence(
        back + ([tokenizers.decoders.Strip(" ", 1, 0)] if prefix else []))
    out.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return out


def compare_sentencepiece(binary, scratch):
    pieces, scores, types = sentence_pieces()
    for prefix in (True, False):
        path, out = scratch / ("spm%d.gguf" % prefix), scratch / ("spm%d" % prefix)
        config = models.small_config("llama", tied=True, vocab_size=len(pieces))
        model = models.random_model(config, 7)
        writer = gguf.GGUFWriter(str(path), "llama")
        models.add_config(writer, config)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(pieces)
        writer.add_token_scores(scores)
        writer.add_token_types(types)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        if not prefix:
            writer.add_add_space_prefix(False)
        writer.add_tensor("token_embd.weight", model.model.embed_tokens.weight.detach().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        probe(binary, "export", path, out)
        expected = expected_llama_tokenizer(pieces, scores, prefix)
        found = tokenizers.Tokenizer.from_file(str(out / "tokenizer.json"))
        must(json.loads(found.to_str())["model"]["merges"] ==
             json.loads(expected.to_str())["model"]["merges"], "sentencepiece: merges")
        samples = texts(expected, 2000, 5) + ["\U0001F600 <|user|> <s>x", "", " ", "\u2581a"]
        same_tokenizer(found, expected, samples, "sentencepiece, prefix %s" % prefix)
        print("sentencepiece: prefix %s: merges and %d texts equal" % (prefix, len(samples)))


def compare_real(binary, scratch, path):
    path = pathlib.Path(path)
    reader = gguf.GGUFReader(str(path))
    probe(binary, "raw", path, scratch / "raw.safetensors")
    found = safetensors.numpy.load_file(scratch / "raw.safetensors")
    must(len(found) == len(reader.tensors), "number of tensors")
    values = 0
    for tensor in reader.tensors:
        expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        must(same_bits(found[tensor.name], expected), "tensor " + tensor.name)
        values += expected.size
    print("real: %d tensors, %d values equal gguf-py's bit by bit" % (len(found), values))
    del found
    out = scratch / "hf"
    probe(binary, "export", path, out)
    ours = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    state = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        must(torch.equal(tensor, state[name]), "transformers' " + name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "What is the capital of "
                                          "France?"}], add_generation_prompt=True,
                                        return_tensors="pt")
    with torch.no_grad():
        must(torch.equal(ours(ids).logits, theirs(ids).logits), "logits")
        answer = ours.generate(ids, max_new_tokens=12, do_sample=False)
    print("real: weights and logits equal transformers'; it answers %r" %
          tokenizer.decode(answer[0, ids.shape[1]:]))


def compare_tokenizer(binary, scratch, path):
    """Against a tokenizer put together here; transformers' own reader drops tokenizer.ggml.pre and
    is equal where there are no digits."""
    path, out = pathlib.Path(path), scratch / "hf"
    fields = {name: field.contents() for name, field in gguf.GGUFReader(str(path)).fields.items()
              if name.startswith("tokenizer.")}
    probe(binary, "export", path, out)
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    theirs = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    must(fields["tokenizer.ggml.pre"] == "smollm", "this comparison knows the pre-tokenizer smollm")
    must(tokenizer.chat_template == theirs.chat_template == fields["tokenizer.chat_template"],
         "chat template")
    for role in ("bos_token", "pad_token", "unk_token"):
        key = "tokenizer.ggml.%s_id" % role.replace("pad", "padding").replace("unk", "unknown")
        must(getattr(tokenizer, role) == fields["tokenizer.ggml.tokens"][fields[key]], role)
    expected = tokenizers.Tokenizer(tokenizers.models.BPE(
        {token: number for number, token in enumerate(fields["tokenizer.ggml.tokens"])},
        [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]))
    expected.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Digits(individual_digits=True),
         tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    expected.decoder = tokenizers.decoders.ByteLevel()
    expected.add_special_tokens([
        tokenizers.AddedToken(token, special=True, normalized=False) for token, kind in
        zip(fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]) if kind == 3])
    found = tokenizers.Tokenizer.from_file(str(out / "tokenizer.json"))
    samples = texts(expected, 5000, 11)
    same_tokenizer(found, expected, samples, "tokenizer")
    alike = [text for text in samples if not any(letter.isnumeric() for letter in text)]
    read = theirs(alike, add_special_tokens=False)["input_ids"]
    for text, ids in zip(alike, read):
        must(found.encode(text).ids == ids, "transformers: " + repr(text))
    print("tokenizer: equal on %d texts; transformers' on the %d without a digit" %
          (len(samples), len(alike)))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    binary, mode = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as scratch:
        run = {"blocks": compare_blocks, "layout": compare_layout, "real": compare_real,
               "tokenizer": compare_tokenizer, "sentencepiece": compare_sentencepiece}[mode]
        run(binary, pathlib.Path(scratch), *sys.argv[3:])


if __name__ == "__main__":
    main()
