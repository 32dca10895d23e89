#!/usr/bin/env python3
"""Computes each model's parameters from the sizes in its config.json and compares them with what
catalog/models.json says, which transformers' own classes counted.

usage: parameters.py MODELS_JSON
"""
import json
import sys


def linear(inputs, outputs, bias=True):
    return inputs * outputs + (outputs if bias else 0)


def bert_layers(c):
    h, i = c["hidden_size"], c["intermediate_size"]
    return c["num_hidden_layers"] * (4 * linear(h, h) + linear(h, i) + linear(i, h) + 4 * h)


def bert(c):
    h = c["hidden_size"]
    rows = c["vocab_size"] + c["max_position_embeddings"] + c["type_vocab_size"]
    return rows * h + 2 * h + bert_layers(c) + linear(h, h)  # with the pooler


def distilbert(c):
    h, i = c["dim"], c["hidden_dim"]
    layer = 4 * linear(h, h) + linear(h, i) + linear(i, h) + 4 * h
    return (c["vocab_size"] + c["max_position_embeddings"]) * h + 2 * h + c["n_layers"] * layer


def electra(c):
    h, e = c["hidden_size"], c["embedding_size"]
    rows = c["vocab_size"] + c["max_position_embeddings"] + c["type_vocab_size"]
    return rows * e + 2 * e + (linear(e, h) if e != h else 0) + bert_layers(c)


def modernbert(c):
    h, i = c["hidden_size"], c["intermediate_size"]
    layer = linear(h, 3 * h, False) + linear(h, h, False) + linear(h, 2 * i, False) + linear(i, h, False)
    # Norms without a bias: of the embeddings, two a layer (the first layer has one), the last.
    return c["vocab_size"] * h + h + c["num_hidden_layers"] * (layer + 2 * h) - h + h


def deberta(c):
    h = c["hidden_size"]
    return c["vocab_size"] * h + 2 * h + bert_layers(c) + 2 * c["position_buckets"] * h + 2 * h


def gpt2(c):
    h = c["n_embd"]
    layer = linear(h, 3 * h) + linear(h, h) + linear(h, 4 * h) + linear(4 * h, h) + 4 * h
    return (c["vocab_size"] + c["n_positions"]) * h + c["n_layer"] * layer + 2 * h


def llama(c, qkv_bias=False):
    h, i = c["hidden_size"], c["intermediate_size"]
    kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
    layer = (linear(h, h, qkv_bias) + 2 * linear(h, kv, qkv_bias) + linear(h, h, False)
             + 3 * linear(h, i, False) + 2 * h)
    tables = 1 if c["tie_word_embeddings"] else 2
    return tables * c["vocab_size"] * h + c["num_hidden_layers"] * layer + h


def bart(c, offset=2, embedding_norm=True, final_norm=False):
    h = c["d_model"]

    def stack(layers, width, attentions):
        layer = attentions * 4 * linear(h, h) + linear(h, width) + linear(width, h) + (attentions + 1) * 2 * h
        return (layers * layer + (c["max_position_embeddings"] + offset) * h
                + (2 * h if embedding_norm else 0) + (2 * h if final_norm else 0))

    return (c["vocab_size"] * h + stack(c["encoder_layers"], c["encoder_ffn_dim"], 1)
            + stack(c["decoder_layers"], c["decoder_ffn_dim"], 2))


def t5(c):
    h, inner = c["d_model"], c["num_heads"] * c["d_kv"]
    attention = 4 * h * inner + h
    gated = c["feed_forward_proj"].startswith("gated")
    feed_forward = (3 if gated else 2) * h * c["d_ff"] + h
    buckets = 32 * c["num_heads"]
    encoder = c["num_layers"] * (attention + feed_forward) + buckets + h
    decoder = c["num_decoder_layers"] * (2 * attention + feed_forward) + buckets + h
    return (1 if c["tie_word_embeddings"] else 2) * c["vocab_size"] * h + encoder + decoder


FORMULAS = {
    "bert": bert, "roberta": bert, "distilbert": distilbert, "electra": electra,
    "modernbert": modernbert, "deberta-v2": deberta, "gpt2": gpt2, "llama": llama, "mistral": llama,
    "qwen2": lambda c: llama(c, qkv_bias=True),
    "marian": lambda c: bart(c, offset=0, embedding_norm=False),
    "bart": bart,
    "mbart": lambda c: bart(c, final_norm=True),
    "pegasus": lambda c: bart(c, offset=0, embedding_norm=False, final_norm=True),
    "t5": t5, "mt5": t5,
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        catalog = json.load(file)
    wrong = 0
    for model in catalog["models"]:
        computed = FORMULAS[model["model_type"]](model["config"])
        if computed != model["parameters"]:
            wrong += 1
            print(f"{model['name']}: the sizes give {computed}, the catalog says {model['parameters']}")
    print(f"{len(catalog['models'])} models, {wrong} wrong")
    return 1 if wrong or len(catalog["models"]) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
