#!/usr/bin/env python3
"""JAX's side of the steady workload: BERT's training step by hand, jitted as one program.

Speaks the same lines as peer_torch.py. Weights come from the same safetensors; dropout sits
where BERT has it; parameters and moments are donated, so that the update is in place.
"""

import argparse
import json
import pathlib
import resource
import sys
import time

import jax
import jax.numpy as jnp
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import workloads


def reply(**values):
    print(json.dumps(values), flush=True)


def load(folder):
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    tensors = load_file(pathlib.Path(folder) / "model.safetensors")
    tensors = {name.removeprefix("bert."): jnp.asarray(value) for name, value in tensors.items()
               if value.dtype == "float32"}
    key = jax.random.PRNGKey(0)
    tensors["classifier.weight"] = 0.02 * jax.random.normal(
        key, (workloads.CLASSES, config["hidden_size"]))
    tensors["classifier.bias"] = jnp.zeros(workloads.CLASSES)
    return config, tensors


def dropout(key, x):
    keep = jax.random.bernoulli(key, 1 - workloads.DROPOUT, x.shape)
    return jnp.where(keep, x / (1 - workloads.DROPOUT), 0)


def logits_of(tensors, ids, mask, key, config):
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]

    def linear(name, x):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def norm(name, x):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        scaled = (x - mean) * jax.lax.rsqrt(variance + epsilon)
        return scaled * tensors[name + ".weight"] + tensors[name + ".bias"]

    keys = iter(jax.random.split(key, 2 + 3 * config["num_hidden_layers"]))
    batch, length = ids.shape
    x = (tensors["embeddings.word_embeddings.weight"][ids]
         + tensors["embeddings.position_embeddings.weight"][:length]
         + tensors["embeddings.token_type_embeddings.weight"][0])
    x = dropout(next(keys), norm("embeddings.LayerNorm", x))
    for index in range(config["num_hidden_layers"]):
        layer = "encoder.layer.%d." % index

        def split(part):
            return linear(layer + "attention.self." + part, x).reshape(
                batch, length, heads, -1).transpose(0, 2, 1, 3)

        query, key_, value = split("query"), split("key"), split("value")
        scores = query @ key_.transpose(0, 1, 3, 2) / query.shape[-1] ** 0.5
        scores = jnp.where(mask[:, None, None, :], scores, -1e30)
        weights = dropout(next(keys), jax.nn.softmax(scores))
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, -1)
        mixed = dropout(next(keys), linear(layer + "attention.output.dense", mixed))
        x = norm(layer + "attention.output.LayerNorm", x + mixed)
        inner = jax.nn.gelu(linear(layer + "intermediate.dense", x), approximate=False)
        inner = dropout(next(keys), linear(layer + "output.dense", inner))
        x = norm(layer + "output.LayerNorm", x + inner)
    pooled = jnp.tanh(linear("pooler.dense", x[:, 0]))
    return linear("classifier", dropout(next(keys), pooled))


def make_step(config, precision):
    def loss_of(tensors, ids, mask, labels, key):
        if precision == "bf16":
            tensors = jax.tree.map(lambda one: one.astype(jnp.bfloat16), tensors)
        rows = jax.nn.log_softmax(
            logits_of(tensors, ids, mask, key, config).astype(jnp.float32))
        return -jnp.take_along_axis(rows, labels[:, None], 1).mean()

    def step(tensors, first, second, count, ids, mask, labels):
        key = jax.random.PRNGKey(count)
        loss, gradients = jax.value_and_grad(loss_of)(tensors, ids, mask, labels, key)
        norm = jnp.sqrt(sum((one ** 2).sum() for one in jax.tree.leaves(gradients)))
        scale = jnp.minimum(1.0, workloads.MAX_GRAD_NORM / (norm + 1e-6))
        gradients = jax.tree.map(lambda one: one * scale, gradients)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        time_ = count + 1.0

        def update(parameter, m, v):
            root = jnp.sqrt(v / (1 - 0.999 ** time_)) + 1e-8
            return parameter - workloads.STEADY_RATE * m / (1 - 0.9 ** time_) / root

        return jax.tree.map(update, tensors, first, second), first, second, loss

    return jax.jit(step, donate_argnums=(0, 1, 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=workloads.BATCH)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32",
                        help="bf16: computed in bf16 from fp32 weights")
    args = parser.parse_args()
    rows = workloads.read_csv(args.data, "text", "label")
    tokenizer = Tokenizer.from_file(str(pathlib.Path(args.model) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = jnp.asarray([tokenizer.encode(text).ids for text, _ in rows])
    assert ids.shape[1] == workloads.LENGTH
    labels = jnp.asarray([int(label[-2:]) for _, label in rows])
    config, tensors = load(args.model)
    state = [tensors, jax.tree.map(jnp.zeros_like, tensors),
             jax.tree.map(jnp.zeros_like, tensors)]
    mask = jnp.ones((args.batch, workloads.LENGTH), bool)
    step, count = make_step(config, args.precision), 0

    def steps(number):
        nonlocal count
        for index in range(number):
            at = index * args.batch % (len(rows) - args.batch + 1)
            state[0], state[1], state[2], loss = step(
                *state, count, ids[at:at + args.batch], mask,
                labels[at:at + args.batch])
            count += 1
        return float(loss)

    steps(1)
    reply(ready=True)
    steps(2)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        begin = time.monotonic()
        steps(args.steps)
        examples = args.steps * args.batch
        reply(seconds=time.monotonic() - begin, examples=examples,
              tokens=examples * workloads.LENGTH)
    reply(peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
