#!/usr/bin/env python3
"""Record PEFT's LoRA runs that ftc and ftrt must follow step by step.

Over the base models of record_runs.py: for each family and classification task an adapter with
factors away from their trivial start, saved as PEFT saves it, then 50 AdamW steps in fp32 and in
f64, dropout 0, accumulation 1. Beside the run: probabilities of the starting adapter, and what
merge_and_unload makes of it. Reference for correctness: test/e2e/parity_lora.py.

    python test/oracle/record_lora.py            # writes RECORDING/lora/ for each recording
    python test/oracle/record_lora.py NAME...    # for these
"""

import json
import pathlib
import random
import shutil
import sys

import peft
import record_runs as runs
import torch
import transformers
from safetensors.torch import save_file

STEPS = 50
HERE = pathlib.Path(__file__).resolve().parent / "recordings"
# What each run shows: PEFT's default targets, suffixes that reach past attention, all-linear;
# alpha / r that is no power of two.
ADAPTERS = {
    "bert-text-classification": {"r": 4, "lora_alpha": 8},
    "bert-token-classification": {"r": 8, "lora_alpha": 12,
                                  "target_modules": ["query", "key", "value", "dense"]},
    "distilbert-text-classification": {"r": 8, "lora_alpha": 16,
                                       "target_modules": ["q_lin", "v_lin"]},
    "distilbert-token-classification": {"r": 1, "lora_alpha": 3,
                                        "target_modules": ["v_lin", "lin1", "lin2"]},
    "roberta-text-classification": {"r": 3, "lora_alpha": 10, "target_modules": "all-linear"},
    "roberta-token-classification": {"r": 8, "lora_alpha": 16},
    # Layers of contents and positions alike, and all linear ones: a convolution is none.
    "deberta-v2-token-classification": {"r": 4, "lora_alpha": 8},
    "deberta-v2-text-classification": {"r": 3, "lora_alpha": 10, "target_modules": "all-linear"},
}
TYPES = {"text-classification": ("SEQ_CLS", transformers.AutoModelForSequenceClassification),
         "token-classification": ("TOKEN_CLS", transformers.AutoModelForTokenClassification)}


def optimizer_of(model):
    """record_runs.optimizer_of over what is trained."""
    forbidden = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    decays = set(runs.get_parameter_names(model, [torch.nn.LayerNorm], forbidden))
    trained = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    flags = runs.FLAGS
    return torch.optim.AdamW(
        [{"params": [value for name, value in trained if (name in decays) == wanted],
          "weight_decay": flags["weight_decay"] if wanted else 0.0} for wanted in (True, False)],
        lr=flags["learning_rate"], betas=(flags["adam_beta1"], flags["adam_beta2"]),
        eps=flags["adam_epsilon"])


def train(model, rows, pad):
    model.train()
    optimizer = optimizer_of(model)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, runs.FLAGS["warmup_steps"], STEPS)
    log = {"loss": [], "grad_norm": [], "learning_rate": []}
    batches = [runs.collate(rows[at:at + runs.BATCH], pad)
               for at in range(0, len(rows), runs.BATCH)]
    for step in range(STEPS):
        inputs, labels = batches[step % len(batches)]
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), runs.FLAGS["max_grad_norm"])
        log["loss"].append(loss.item())
        log["grad_norm"].append(norm.item())
        log["learning_rate"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return log


def probabilities(model, rows, pad):
    """The probability of each row's most probable label."""
    model.eval()
    result = []
    with torch.no_grad():
        for row in rows:
            inputs, _ = runs.collate([row], pad)
            result.append(round(model(**inputs).logits.softmax(-1).max().item(), 7))
    return result


def adapter_state(model):
    return {name: value.detach().double().clone()
            for name, value in peft.get_peft_model_state_dict(model).items()}


def record(folder, task, tokenizer, rows):
    kind, auto = TYPES[task]
    target = folder / "lora"
    shutil.rmtree(target, ignore_errors=True)
    settings = peft.LoraConfig(task_type=kind, **ADAPTERS[folder.name])
    torch.manual_seed(77)
    model = peft.get_peft_model(auto.from_pretrained(folder / "model"), settings)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.requires_grad:
                value.add_(0.06 * torch.randn(value.shape))
    pad = tokenizer.pad_token_id
    logs, finals = {}, {}
    for dtype in (torch.float32, torch.float64):
        twin = peft.get_peft_model(auto.from_pretrained(folder / "model"),
                                   peft.LoraConfig(task_type=kind, **ADAPTERS[folder.name]))
        twin.load_state_dict(model.state_dict())
        twin.to(dtype)
        logs[dtype] = train(twin, rows, pad)
        logs[dtype]["eval"] = runs.evaluate(twin, rows, pad)
        finals[dtype] = adapter_state(twin)
    start = adapter_state(model)
    updates, scales, own = {}, {}, {}
    for name, final in finals[torch.float64].items():
        update = final - start[name]
        size = update.norm().item()
        own[name] = (finals[torch.float32][name] - final).norm().item() / size if size else 0.0
        scales[name] = update.abs().max().item() or 1.0
        updates[name] = (update / scales[name]).half().contiguous()
    model.save_pretrained(target / "adapter")
    (target / "adapter" / "README.md").unlink()
    config = json.loads((target / "adapter" / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "../../model"
    for key in ("target_modules", "modules_to_save"):
        config[key] = sorted(config[key])
    (target / "adapter" / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(updates, target / "updates.safetensors")
    recording = {
        "flags": dict(runs.FLAGS, max_steps=STEPS, per_device_train_batch_size=runs.BATCH,
                      max_seq_length=runs.LENGTH),
        "torch": torch.__version__, "transformers": transformers.__version__,
        "peft": peft.__version__, "scales": scales, "own_error": own,
        "fp32": logs[torch.float32], "fp64": logs[torch.float64]}
    if task == "text-classification":
        recording["start_probabilities"] = probabilities(model, rows, pad)
    (target / "run.json").write_text(json.dumps(recording, indent=1) + "\n")
    if task == "text-classification":
        adapted = [name[len("base_model.model."):-len(".lora_A.weight")]
                   for name in start if name.endswith(".lora_A.weight")]
        merged = dict(model.merge_and_unload().named_parameters())
        save_file({name + ".weight": merged[name + ".weight"].detach().contiguous()
                   for name in adapted[:3]}, target / "merged.safetensors")
    worst = max(own, key=own.get)
    print("%s: %d tensors, loss %.4f -> %.4f, PyTorch's own worst update error %.1e (%s)" % (
        folder.name, len(start), logs[torch.float64]["loss"][0],
        logs[torch.float64]["loss"][-1], own[worst], worst))


def main():
    torch.set_num_threads(1)
    rng = random.Random(7)
    words = runs.make_words(rng, 160)
    text_rows, tag_rows = runs.make_text_rows(rng, words), runs.make_tag_rows(rng, words)
    runs.PAIRS["deberta-v2"] = True
    for name in sys.argv[1:] or ADAPTERS:
        task = "-".join(name.split("-")[-2:])
        family = name[:-len(task) - 1]
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            HERE / name / "model", **({"add_prefix_space": True} if family == "roberta" else {}))
        record(HERE / name, task, tokenizer, runs.encode(task, family, tokenizer, text_rows,
                                                         tag_rows, None))


if __name__ == "__main__":
    main()
