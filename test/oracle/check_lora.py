#!/usr/bin/env python3
"""Load what `ftrt run` wrote for --method lora with PEFT, and compare its predictions with ftrt's.

    python test/oracle/check_lora.py OUTPUT_DIR DATA.jsonl PREDICTIONS.jsonl

PREDICTIONS is what `ftrt predict OUTPUT_DIR --input_file DATA.jsonl` wrote for text
classification. Needs peft and transformers; record_lora.py says which.
"""

import json
import sys

import peft
import torch
import transformers


def main():
    output, data, predictions = sys.argv[1:]
    config = transformers.AutoConfig.from_pretrained(output)
    adapter = peft.PeftConfig.from_pretrained(output)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(
        adapter.base_model_name_or_path, config=config)
    model = peft.PeftModel.from_pretrained(base, output).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    worst = 0.0
    rows = [json.loads(line) for line in open(data)]
    found = [json.loads(line) for line in open(predictions)]
    assert len(rows) == len(found)
    for row, guess in zip(rows, found):
        texts = [row[key] for key in ("sentence1", "sentence2", "text") if key in row]
        with torch.no_grad():
            scores = model(**tokenizer(*texts, return_tensors="pt", truncation=True,
                                       max_length=48)).logits.softmax(-1)[0]
        assert config.id2label[int(scores.argmax())] == guess["label"]
        worst = max(worst, abs(float(scores.max()) - guess["score"]))
    print("%d rows, largest difference of a probability %.1e" % (len(rows), worst))
    return 0 if worst < 2e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
