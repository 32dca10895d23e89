"""Tiny models of the Llama family with a tokenizer of their own, and the GGUF files that
convert_hf_to_gguf.py would make of them: names by gguf-py's own table, query and key rows
interleaved as its LlamaModel.permute does."""

import json

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = ["The quick brown fox jumps over the lazy dog 12 345 times.", "don't we'll I'M it's",
        "Grüße aus Köln, naïve café — 東京 and Москва!", "a  b   c\n\n\td \r\n e", "x=3.14; y+=10**2"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+"
          r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
CHAT = "{% for message in messages %}{{ '<|im_start|>' + message['content'] }}{% endfor %}"


def byte_level_tokenizer(pre):
    """A tokenizer trained on TEXT, with the components of the models that `pre` names."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre in ("gpt-2", "smollm"))
    split = {"smollm": pre_tokenizers.Digits(individual_digits=True),
             "llama-bpe": pre_tokenizers.Split(tokenizers.Regex(LLAMA3), "isolated"),
             "qwen2": pre_tokenizers.Split(tokenizers.Regex(QWEN2), "isolated")}.get(pre)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, plain]) if split else plain
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIALS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if pre == "llama-bpe":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", pair="<|endoftext|> $A <|endoftext|>:1 $B:1",
            special_tokens=[("<|endoftext|>", 0)])
    return tokenizer


def small_config(kind, tied=False, **more):
    sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, vocab_size=320, max_position_embeddings=128,
                 rope_theta=50000.0, rms_norm_eps=1e-5, tie_word_embeddings=tied,
                 bos_token_id=1, eos_token_id=2, pad_token_id=2)
    sizes.update(more)
    return (transformers.LlamaConfig if kind == "llama" else transformers.Qwen2Config)(**sizes)


def permute(weights, heads):
    """convert_hf_to_gguf.py's LlamaModel.permute."""
    return (weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
            .swapaxes(1, 2).reshape(weights.shape))


def rope_divisors(config):
    """convert_hf_to_gguf.py's LlamaModel.generate_extra_tensors."""
    scaling = config.rope_scaling
    size = config.head_dim
    frequencies = 1.0 / (config.rope_theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    context = scaling["original_max_position_embeddings"]
    out = []
    for frequency in frequencies:
        wavelength = 2 * np.pi / frequency
        if wavelength < context / high:
            out.append(1)
        elif wavelength > context / low:
            out.append(scaling["factor"])
        else:
            smooth = (context / wavelength - low) / (high - low)
            out.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def add_config(writer, config):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_vocab_size(config.vocab_size)
    if config.model_type == "llama":
        writer.add_rope_dimension_count(config.head_dim)
        if config.head_dim * config.num_attention_heads != config.hidden_size:
            writer.add_key_length(config.head_dim)
            writer.add_value_length(config.head_dim)
    scaling = config.rope_scaling or {}
    if scaling.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if scaling.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_divisors(config))


def add_tokenizer(writer, tokenizer, pre):
    content = json.loads(tokenizer.to_str())
    vocabulary = sorted(content["model"]["vocab"].items(), key=lambda entry: entry[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in SPECIALS else 1 for token, _ in vocabulary])
    writer.add_token_merges([" ".join(merge) for merge in content["model"]["merges"]])
    if pre == "llama-bpe":
        writer.add_bos_token_id(0)
    else:
        writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHAT)


def quantized(writer, name, values, kind):
    """Adds a tensor as `kind`, or as F32 where its rows are not whole blocks."""
    block = gguf.GGML_QUANT_SIZES[kind][0]
    if values.ndim < 2 or values.shape[-1] % block or kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, values.astype(np.float32))
        return
    writer.add_tensor(name, gguf.quants.quantize(values.astype(np.float32), kind), raw_dtype=kind)


def write_gguf(path, model, tokenizer, pre, kinds=None):
    """`kinds`: GGUF module name ("ffn_up") -> quantization type; F32 otherwise."""
    config = model.config
    writer = gguf.GGUFWriter(str(path), config.model_type)
    add_config(writer, config)
    add_tokenizer(writer, tokenizer, pre)
    arch = gguf.MODEL_ARCH.LLAMA if config.model_type == "llama" else gguf.MODEL_ARCH.QWEN2
    table = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.float().numpy()
        if config.model_type == "llama" and ".q_proj." in name:
            values = permute(values, config.num_attention_heads)
        if config.model_type == "llama" and ".k_proj." in name:
            values = permute(values, config.num_key_value_heads)
        renamed = table.get_name(name, try_suffixes=(".weight", ".bias"))
        module = renamed.split(".")[-2]
        quantized(writer, renamed, np.ascontiguousarray(values),
                  (kinds or {}).get(module, gguf.GGMLQuantizationType.F32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_model(config, seed):
    torch.manual_seed(seed)
    kind = (transformers.LlamaForCausalLM if config.model_type == "llama"
            else transformers.Qwen2ForCausalLM)
    model = kind(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model
