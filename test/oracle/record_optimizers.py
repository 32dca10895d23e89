#!/usr/bin/env python3
"""Record what published optimizers do to one model, for ftrt to follow step by step.

The model and data are record_runs.py's BERT for text classification. Each optimizer is the one
that transformers' Trainer takes for the flag, with the Trainer's arguments and decay groups:

    sgd        torch.optim.SGD, with momentum
    lion       bitsandbytes.optim.Lion (32 bits), google/automl's equations
    adafactor  transformers.optimization.Adafactor(scale_parameter=False, relative_step=False)
    adamw8bit  bitsandbytes.optim.AdamW8bit: blocks of 256, tensors of at least 4096 elements,
               embeddings in 32 bits as the Trainer registers them

Parameters and optimizer are fp32; gradients come once from an fp32 and once from an f64 copy of
the model, so that the difference of the two runs is PyTorch's own error. Reference for
correctness: compare_run.py, by ../e2e/parity_optimizer.py.

bitsandbytes' quantizer for fp32 on CPUs (0.50) is a table that moves values below about 1e-4 of
their block's maximum to another code, 0 among them; its argmin over the map (what it does for other
dtypes, and the definition of Dettmers et al.) is taken instead, by handing it doubles.

    python test/oracle/record_optimizers.py      # rewrites recordings/optimizers
"""

import json
import pathlib
import shutil
import struct

import bitsandbytes
import bitsandbytes.backends.cpu.ops as cpu_ops
import torch
import transformers
from bitsandbytes.functional import create_dynamic_map
from safetensors.torch import save_file
from transformers.optimization import Adafactor
from transformers.trainer_pt_utils import get_parameter_names

import record_runs

STEPS, BATCH, ACCUMULATION = 60, 4, 2
HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "recordings" / "bert-text-classification" / "model"
OUTPUT = HERE / "recordings" / "optimizers"
SHARED = {"weight_decay": 0.01, "warmup_steps": 6, "max_grad_norm": 1.0, "adam_beta1": 0.9,
          "adam_beta2": 0.999, "adam_epsilon": 1e-8}
RATES = {"sgd": 0.05, "lion": 1e-4, "adafactor": 1e-3, "adamw8bit": 1e-3}
MOMENTUM = 0.9


def quantize_by_argmin(values, code, absmax, codes, blocksize):
    out, largest = torch.ops.bitsandbytes.quantize_blockwise(values.double(), code, blocksize)
    codes.copy_(out)
    absmax.copy_(largest)


def groups_of(model):
    forbidden = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    decays = set(get_parameter_names(model, [torch.nn.LayerNorm], forbidden))
    return [{"params": [value for name, value in model.named_parameters()
                        if (name in decays) == wanted],
             "weight_decay": SHARED["weight_decay"] if wanted else 0.0}
            for wanted in (True, False)]


def optimizer_of(name, model):
    groups, rate = groups_of(model), RATES[name]
    betas = (SHARED["adam_beta1"], SHARED["adam_beta2"])
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM)
    if name == "adafactor":
        return Adafactor(groups, lr=rate, scale_parameter=False, relative_step=False)
    if name == "lion":
        return bitsandbytes.optim.Lion(groups, lr=rate, betas=betas)
    manager = bitsandbytes.optim.GlobalOptimManager.get_instance()
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            manager.register_module_override(module, "weight", {"optim_bits": 32})
    return bitsandbytes.optim.AdamW(groups, lr=rate, betas=betas, eps=SHARED["adam_epsilon"],
                                    optim_bits=8)


def train(name, rows, pad, dtype):
    """Steps of two accumulated batches; the loss, norm and rate of each, and the end."""
    model = load()
    bitsandbytes.optim.GlobalOptimManager.get_instance().initialize()
    twin = load().to(dtype)
    for one in (model, twin):
        one.train()
    optimizer = optimizer_of(name, model)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, SHARED["warmup_steps"], STEPS)
    log = {"loss": [], "grad_norm": [], "learning_rate": []}
    micro = [rows[at:at + BATCH] for at in range(0, len(rows), BATCH)]
    while len(log["loss"]) < STEPS:
        for at in range(0, len(micro), ACCUMULATION):
            batches = [record_runs.collate(one, pad) for one in micro[at:at + ACCUMULATION]]
            count = sum(labels.numel() for _, labels in batches)
            twin.load_state_dict(model.state_dict())
            total = 0.0
            for inputs, labels in batches:
                logits = twin(**inputs).logits
                loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / count
                loss.backward()
                total += loss.item()
            norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), SHARED["max_grad_norm"])
            for mine, its in zip(model.parameters(), twin.parameters()):
                mine.grad = its.grad.float()
            log["loss"].append(total)
            log["grad_norm"].append(norm.item())
            log["learning_rate"].append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
            twin.zero_grad()
            if len(log["loss"]) == STEPS:
                break
    log["eval"] = record_runs.evaluate(model, rows, pad)
    return log, {key: value.detach().double() for key, value in model.state_dict().items()
                 if value.is_floating_point()}


def load():
    return transformers.BertForSequenceClassification.from_pretrained(MODEL)


def read_rows():
    lines = (HERE / "recordings" / "data" / "pairs.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    tokenizer = transformers.BertTokenizerFast.from_pretrained(MODEL)
    encoded = record_runs.encode("text-classification", "bert", tokenizer,
                                 [(row["sentence1"], row["sentence2"], row["label"])
                                  for row in rows], [])
    return encoded, tokenizer.pad_token_id


def record(name, rows, pad):
    start = {key: value.double() for key, value in load().state_dict().items()}
    single, mine = train(name, rows, pad, torch.float32)
    double, truth = train(name, rows, pad, torch.float64)
    updates, scales, own = {}, {}, {}
    for key, final in truth.items():
        update = final - start[key]
        size = update.norm().item()
        own[key] = (mine[key] - final).norm().item() / size if size > 0 else 0.0
        scales[key] = update.abs().max().item() or 1.0
        updates[key] = (update / scales[key]).half().contiguous()
    folder = OUTPUT / name
    folder.mkdir(parents=True)
    save_file(updates, folder / ("updates-%d.safetensors" % ACCUMULATION))
    flags = dict(SHARED, learning_rate=RATES[name], max_steps=STEPS,
                 per_device_train_batch_size=BATCH, gradient_accumulation_steps=ACCUMULATION,
                 max_seq_length=record_runs.LENGTH)
    if name == "sgd":
        flags["optim_args"] = "momentum=%s" % MOMENTUM
    recording = {"flags": flags, "torch": torch.__version__,
                 "transformers": transformers.__version__,
                 "bitsandbytes": bitsandbytes.__version__, "scales": scales, "own_error": own,
                 "fp32": single, "fp64": double}
    (folder / ("run-%d.json" % ACCUMULATION)).write_text(json.dumps(recording, indent=1) + "\n")
    kept = {key: value for key, value in own.items() if ".key.bias" not in key}
    worst = max(kept, key=kept.get)
    drift = max(abs(a - b) / max(1, b) for a, b in zip(single["loss"], double["loss"]))
    print("%s: loss %.4f -> %.4f, PyTorch's own worst update error %.1e (%s), loss %.1e" % (
        name, double["loss"][0], double["loss"][-1], kept[worst], worst, drift))


def write_maps():
    """The maps of 8-bit moments, as bits, for test/kernels."""
    with open(HERE.parent / "kernels" / "dynamic_maps.txt", "w") as out:
        for signed in (True, False):
            for value in create_dynamic_map(signed).tolist():
                out.write(struct.pack(">f", value).hex() + "\n")


def main():
    torch.set_num_threads(1)
    cpu_ops._quant_blockwise_fp32_direct = quantize_by_argmin
    shutil.rmtree(OUTPUT, ignore_errors=True)
    rows, pad = read_rows()
    write_maps()
    for name in RATES:
        record(name, rows, pad)


if __name__ == "__main__":
    main()
