#!/usr/bin/env python3
"""Record what transformers' generate makes of a model whose logits are a table.

The model's logits are a function of the last two tokens and the length, multiples of 1/4096,
so that the search alone decides; with the length in them, no two orders of the same tokens tie
(torch.topk gives equal scores in no particular order).
Greedy and beam search over a grid of settings and prompts; what test-runtime-
generation must reproduce token for token. Beside them rows of scores and what processors and
warpers of sampling make of them, from which a sample is drawn.

    python test/oracle/generation/record.py      # rewrites test/runtime/generation/cases.json
"""

import itertools
import json
import pathlib
import random

import torch
import transformers
from transformers.modeling_outputs import CausalLMOutput

VOCABULARY = 23
END, OTHER_END = 1, 2
HERE = pathlib.Path(__file__).resolve().parent


class TableConfig(transformers.PretrainedConfig):
    model_type = "table"

    def __init__(self, **values):
        super().__init__(**values)
        self.vocab_size = VOCABULARY
        self.num_hidden_layers = 1


class TableModel(transformers.PreTrainedModel, transformers.GenerationMixin):
    config_class = TableConfig

    def __init__(self, last, before, place):
        super().__init__(TableConfig())
        self.last, self.before = torch.tensor(last), torch.tensor(before)
        self.place = torch.tensor(place)
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.invalid = ()

    def forward(self, input_ids, attention_mask=None, **_):
        previous = torch.cat([input_ids[:, :1], input_ids[:, :-1]], 1)
        scores = self.last[input_ids] + self.before[previous]
        logits = (scores + self.place[:input_ids.shape[1]]) / 4096.0
        for last, token, value in self.invalid:
            logits[..., token][input_ids == last] = float(value)
        return CausalLMOutput(logits=logits)

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}


def grid():
    """Settings: every single one, and mixtures."""
    base = {"max_length": 16, "eos_token_id": END}
    singles = [
        {}, {"max_length": 5}, {"min_length": 9}, {"no_repeat_ngram_size": 3},
        {"no_repeat_ngram_size": 1}, {"repetition_penalty": 1.7}, {"repetition_penalty": 0.6},
        {"forced_bos_token_id": 7}, {"forced_eos_token_id": END},
        {"forced_eos_token_id": [END, OTHER_END]}, {"eos_token_id": [END, OTHER_END]},
        {"bad_words_ids": [[4], [5, 6], [END], [9, 3, 8]]}, {"suppress_tokens": [3, 11]},
        {"min_length": 6, "no_repeat_ngram_size": 2, "forced_eos_token_id": END},
        {"eos_token_id": None},
    ]
    for beams, single in itertools.product((1, 2, 4), singles):
        if beams == 1 or not isinstance(single.get("forced_eos_token_id"), list):
            yield {**base, "num_beams": beams, **single}
    for beams, penalty, stopping, length in itertools.product(
            (3, 4), (0.6, 1.0, 2.0, 0.0, -1.0), (False, True, "never"), (9, 24)):
        yield {**base, "num_beams": beams, "length_penalty": penalty,
               "early_stopping": stopping, "max_length": length}
    for beams, stopping in itertools.product((1, 4), (False, True)):
        yield {**base, "num_beams": beams, "early_stopping": stopping, "renormalize_logits": True,
               "bad_words_ids": [[4], [9], [14], [20]], "min_length": 6, "no_repeat_ngram_size": 2}


def prompt_rules():
    """Settings whose rule reads the prompt, a decoder's source, or counts from its end."""
    singles = [{"encoder_no_repeat_ngram_size": 1}, {"encoder_no_repeat_ngram_size": 2},
               {"encoder_no_repeat_ngram_size": 3},
               {"encoder_no_repeat_ngram_size": 1, "no_repeat_ngram_size": 3, "min_length": 20},
               {"exponential_decay_length_penalty": [2, 1.4]},
               {"exponential_decay_length_penalty": [0, 1.7], "suppress_tokens": [17, 12]},
               {"begin_suppress_tokens": [17, 0, 6, 14]}]
    for beams, single in itertools.product((1, 4), singles):
        yield {"max_length": 24, "eos_token_id": END, "num_beams": beams, **single}


def biases():
    """Settings of sequence_bias and of the source's repetition penalty, alone and with others."""
    singles = [
        {"sequence_bias": [[[4], -3.0], [[9], 1.5], [[17], -2.25]]},
        {"sequence_bias": [[[17, 17], -2.5], [[9, 4], 4.0], [[17, 17, 6], 3.5], [[12], 0.75],
                           [[6, 9, 1], -6.0]]},
        {"sequence_bias": [[[6], -1.0], [[6], 2.0], [[1], -0.5]], "repetition_penalty": 1.3},
        {"encoder_repetition_penalty": 1.8}, {"encoder_repetition_penalty": 0.7},
        {"encoder_repetition_penalty": 1.4, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2,
         "sequence_bias": [[[12, 17], 3.0], [[14], 1.0]], "renormalize_logits": True},
        {"remove_invalid_values": True, "bad_words_ids": [[4], [9], [14], [20]],
         "suppress_tokens": [3], "min_length": 12, "no_repeat_ngram_size": 2},
    ]
    # Of several beams transformers penalizes the first row alone: a search refuses that.
    for beams, single in itertools.product((1, 4), singles):
        if beams == 1 or "encoder_repetition_penalty" not in single:
            yield {"max_length": 24, "eos_token_id": END, "num_beams": beams, **single}


# Logits that are no numbers: after a token, another one's. A NaN or an infinity makes all scores
# of a beam search equal, whose order torch.topk does not define: those are for greedy search.
INVALID = [[last, (5 * last + 3) % VOCABULARY, ("nan", "-inf", "inf")[last % 3]]
           for last in range(VOCABULARY) if last % 4]


def invalid_cases(model, prompts):
    for beams, prompt in itertools.product((1, 4), prompts):
        settings = {"max_length": 20, "eos_token_id": END, "num_beams": beams,
                    "remove_invalid_values": True, "no_repeat_ngram_size": 2}
        model.invalid = [one for one in INVALID if beams == 1 or one[2] == "-inf"]
        yield {"settings": settings, "prompt": prompt, "invalid": model.invalid,
               "tokens": write(model, prompt, settings)}
    model.invalid = ()


def warpers():
    """Settings of sampling: each warper at several sizes, alone and together."""
    singles = [("min_p", (0.0, 0.01, 0.1, 0.5, 1.0)), ("typical_p", (0.1, 0.4, 0.9, 0.99, 1.0)),
               ("epsilon_cutoff", (0.0, 0.003, 0.02, 0.2, 0.9)),
               ("eta_cutoff", (0.0, 0.003, 0.02, 0.2, 0.9)), ("top_p", (0.2, 0.7, 0.95)),
               ("top_k", (1, 3, 40)), ("temperature", (0.5, 1.7))]
    for name, values in singles:
        for value in values:
            yield {name: value}
            yield {name: value, "temperature": 0.8, "renormalize_logits": True}
    yield {"temperature": 1.3, "top_k": 12, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.9,
           "epsilon_cutoff": 0.01, "eta_cutoff": 0.02}
    yield {"sequence_bias": [[[5], 2.0], [[7, 9], 3.0]], "encoder_repetition_penalty": 1.2,
           "repetition_penalty": 1.3, "min_p": 0.05, "typical_p": 0.95, "renormalize_logits": True}
    yield {"bad_words_ids": [[3], [8], [21]], "remove_invalid_values": True, "typical_p": 0.8,
           "renormalize_logits": True}
    yield {"bad_words_ids": [[3], [8], [21]], "suppress_tokens": [6], "eta_cutoff": 0.05,
           "min_p": 0.1}


def warped(model, rng):
    """Rows of scores, wide, narrow and with equal ones, and what becomes of them."""
    cases = []
    for settings in warpers():
        config = transformers.GenerationConfig(
            **{"do_sample": True, "top_k": 0, "max_length": 16, "eos_token_id": END, **settings})
        model._prepare_special_tokens(config, True, "cpu")
        for spread in (400, 6000, 20000):
            prompt = [rng.randrange(VOCABULARY) for _ in range(3)] + [7]
            scores = [rng.randint(-spread, spread) for _ in range(VOCABULARY)]
            if "top_p" not in settings:  # which of equal ones it takes is not defined
                scores[11] = scores[2] = max(scores[4], scores[5])
            row, text = torch.tensor([scores]) / 4096.0, torch.tensor([prompt])
            rules = model._get_logits_processor(config, len(prompt) - 1, text[:, :-1])
            out = [None if value == -float("inf") else value for value in
                   rules(text, row.clone())[0].tolist()]
            cases.append({"settings": {"top_k": 0, **settings}, "tokens": prompt,
                          "scores": scores, "out": out})
    return cases


def write(model, prompt, settings):
    values = {"pad_token_id": 0, "do_sample": False, "use_cache": False, **settings}
    out = model.generate(torch.tensor([prompt]),
                         attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                         generation_config=transformers.GenerationConfig(**values))
    return out[0, len(prompt):].tolist()


def main():
    rng = random.Random(11)
    table = [[rng.randint(-12800, 12800) for _ in range(VOCABULARY)] for _ in range(VOCABULARY)]
    other = [[rng.randint(-3840, 3840) for _ in range(VOCABULARY)] for _ in range(VOCABULARY)]
    place = [[rng.randint(-3200, 3200) for _ in range(VOCABULARY)] for _ in range(32)]
    for row in table:
        row[END] += 2560  # texts end now and then
    model = TableModel(table, other, place).eval()
    prompts = [[0], [5, 3], [7, 7, 9, 4], [12]]
    cases = []
    for settings in grid():
        for prompt in prompts:
            if len(prompt) >= settings["max_length"]:
                continue
            cases.append({"settings": settings, "prompt": prompt,
                          "tokens": write(model, prompt, settings)})
    # Prompts that go on as the model would, so that a rule about the prompt has something to say.
    longer = [prompt + write(model, prompt, {"max_length": len(prompt) + 9, "eos_token_id": None})
              for prompt in prompts]
    for settings in prompt_rules():
        without = {key: value for key, value in settings.items()
                   if not key.startswith(("encoder_", "exponential_", "begin_"))}
        changed = 0
        for prompt in longer:
            tokens = write(model, prompt, settings)
            changed += tokens != write(model, prompt, without)
            cases.append({"settings": settings, "prompt": prompt, "tokens": tokens})
        assert changed, settings
    for settings in biases():
        plain = {key: settings[key] for key in ("max_length", "eos_token_id", "num_beams")}
        changed = 0
        for prompt in prompts + longer:
            tokens = write(model, prompt, settings)
            changed += tokens != write(model, prompt, plain)
            cases.append({"settings": settings, "prompt": prompt, "tokens": tokens})
        assert changed, settings
    cases.extend(invalid_cases(model, prompts))
    path = HERE.parent.parent / "runtime" / "generation" / "cases.json"
    lines = ",\n".join(json.dumps(case) for case in cases)
    rows = warped(model, rng)
    path.write_text('{"transformers": %s,\n"last": %s,\n"before": %s,\n"place": %s,\n'
                    '"cases": [\n%s\n],\n"warped": [\n%s\n]}\n'
                    % (json.dumps(transformers.__version__), json.dumps(table),
                       json.dumps(other), json.dumps(place), lines,
                       ",\n".join(json.dumps(row) for row in rows)))
    print("%d cases, %d rows" % (len(cases), len(rows)))


if __name__ == "__main__":
    main()
