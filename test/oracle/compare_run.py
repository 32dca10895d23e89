#!/usr/bin/env python3
"""Compare a finished ftrt run with a recorded PyTorch run; standard library only.

Limits, and why: a step's loss within 1e-4 * max(1, loss) of PyTorch's fp32; a tensor's update
within max(1e-2, 3 x PyTorch fp32's own error) of PyTorch's f64 update, relative, in the 2-norm.
Attention key biases are left out: their true gradient is zero, and Adam makes noise of it. So are,
for question answering, the last norm's and the head's bias: they shift all tokens' scores alike.

    python3 test/oracle/compare_run.py OUTPUT_DIR RECORDING_DIR ACCUMULATION
"""

import array
import json
import math
import pathlib
import struct
import sys

KEY_BIASES = (".key.bias", "k_lin.bias", ".pos_key_proj.bias")
SHIFTS = ("qa_outputs.bias", "layer.2.output.LayerNorm.bias", "layer.2.output_layer_norm.bias",
          "electra.encoder.layer.1.output.LayerNorm.bias",
          "deberta.encoder.layer.1.output.LayerNorm.bias", "transformer.ln_f.bias",
          "head.norm.bias", "classifier.bias")
# Of encoder-decoders alone: decoders with rotary positions feel theirs.
STACKS = ("model.encoder.layers.", "model.decoder.layers.")
FUSED_BIASES = (".attn.c_attn.bias",)  # query, key, value: the second third is a key bias
FORMATS = {"F32": "f", "F16": "e"}


def is_key_bias(name):
    return name.endswith(KEY_BIASES) or (name.startswith(STACKS) and name.endswith(".k_proj.bias"))


def compared(name, values):
    """The elements of a tensor that are compared: all but a fused projection's key bias."""
    if not name.endswith(FUSED_BIASES):
        return values
    third = len(values) // 3
    return list(values[:third]) + list(values[2 * third:])


def read_safetensors(path):
    """Map of name to (shape, list of floats) for the F32 and F16 tensors of a file."""
    data = pathlib.Path(path).read_bytes()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in FORMATS:
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "F32":
            values = array.array("f", data[begin:end])
            if sys.byteorder == "big":
                values.byteswap()
        else:
            values = struct.unpack("<%de" % ((end - begin) // 2), data[begin:end])
        tensors[name] = (entry["shape"], values)
    return tensors


def norm(values):
    return math.sqrt(math.fsum(value * value for value in values))


def compare_losses(state, recording, failures):
    """Each step's loss, gradient norm and learning rate in trainer_state.json's log_history."""
    logged = {entry["step"]: entry for entry in state["log_history"] if "loss" in entry}
    expected = recording["fp32"]
    worst, worst_step = 0.0, 0
    for index, loss in enumerate(expected["loss"]):
        entry = logged.get(index + 1)
        if entry is None:
            failures.append("step %d: no loss in log_history" % (index + 1))
            continue
        error = abs(entry["loss"] - loss) / max(1.0, loss)
        if error > worst or not error == error:
            worst, worst_step = error, index + 1
        if not error <= 1e-4:
            failures.append("step %d: loss %.7f, PyTorch %.7f" % (index + 1, entry["loss"], loss))
        # 1e-3: the norm sums every gradient's rounding.
        wanted = expected["grad_norm"][index]
        if not abs(entry["grad_norm"] - wanted) <= 1e-3 * max(1.0, wanted):
            failures.append("step %d: grad_norm %.6f, PyTorch %.6f"
                            % (index + 1, entry["grad_norm"], wanted))
        wanted = expected["learning_rate"][index]
        if not abs(entry["learning_rate"] - wanted) <= 1e-6 * max(wanted, 1e-6):
            failures.append("step %d: learning_rate %.8g, PyTorch %.8g"
                            % (index + 1, entry["learning_rate"], wanted))
    print("loss: largest error %.2e (step %d)" % (worst, worst_step))


def compare_updates(output, folder, recording, accumulation, failures, model):
    compare_tensors(read_safetensors(model / "model.safetensors"),
                    read_safetensors(output / "model.safetensors"),
                    read_safetensors(folder / ("updates-%d.safetensors" % accumulation)),
                    recording, failures)


def compare_tensors(start, final, updates, recording, failures):
    """The way each tensor went, against the recorded one (scaled, in half precision)."""
    for name in sorted(set(final) - set(updates)):
        failures.append("%s: not a tensor of the recorded model" % name)
    worst, worst_name = 0.0, ""
    spans = "answers" in recording or "qa_outputs.bias" in updates
    for name, (shape, scaled) in updates.items():
        if name not in final:
            failures.append("%s: missing in the output" % name)
            continue
        if final[name][0] != shape:
            failures.append("%s: shape %s, PyTorch %s" % (name, final[name][0], shape))
            continue
        scale = recording["scales"][name]
        truth = compared(name, [scale * value for value in scaled])
        found = compared(name, [b - a for a, b in zip(start[name][1], final[name][1])])
        error = norm([a - b for a, b in zip(found, truth)])
        size = norm(truth)
        relative = error / size if size > 0 else (0.0 if error == 0 else math.inf)
        if is_key_bias(name) or (spans and name.endswith(SHIFTS)):
            continue
        if relative > worst or not relative == relative:
            worst, worst_name = relative, name
        limit = max(1e-2, 3 * recording["own_error"][name])
        if not relative <= limit:
            failures.append("%s: update error %.2e, limit %.2e" % (name, relative, limit))
    print("update: largest error %.2e (%s)" % (worst, worst_name))


def compare_evaluation(results, recording, failures):
    """Evaluation over the training rows after the last step; one example may fall over."""
    for name, wanted in recording["fp32"]["eval"].items():
        found = results.get(name)
        limit = 1e-3 if name == "eval_loss" else 1e-2
        if name.endswith(("exact", "f1")) and "eval_exact" in recording["fp32"]["eval"]:
            limit = 1.0  # SQuAD's scores are in 0-100
        if found is None or not abs(found - wanted) <= limit:
            failures.append("%s: %s, PyTorch %.6f" % (name, found, wanted))
    print("evaluation: " + ", ".join("%s %s (PyTorch %.6f)" % (name, results.get(name), wanted)
                                     for name, wanted in recording["fp32"]["eval"].items()))


def compare_answers(found, wanted, failures):
    """Question answering: every question's answer, of which few may hang on a last bit."""
    other = [name for name, answer in wanted.items() if found.get(name) != answer]
    if len(other) > len(wanted) // 50 or len(found) != len(wanted):
        failures.append("%d of %d answers differ, for one %s: %r, PyTorch %r" % (
            len(other), len(wanted), other[:1], *(one.get(other[0]) if other else None
                                                  for one in (found, wanted))))
    print("answers: %d of %d differ" % (len(other), len(wanted)))


def compare(output, folder, accumulation, model=None):
    """List what is out of its limit; an empty list means parity. `model`: where the recorded
    run began, the folder's own by default."""
    output, folder = pathlib.Path(output), pathlib.Path(folder)
    recording = json.loads((folder / ("run-%d.json" % accumulation)).read_text())
    failures = []
    state = json.loads((output / "trainer_state.json").read_text())
    compare_losses(state, recording, failures)
    compare_updates(output, folder, recording, accumulation, failures,
                    pathlib.Path(model or folder / "model"))
    results = output / "eval_results.json"
    if results.exists():
        compare_evaluation(json.loads(results.read_text()), recording, failures)
        if "answers" in recording:
            answers = json.loads((output / "eval_predictions.json").read_text())
            compare_answers(answers, recording["answers"], failures)
    return failures


def main():
    if len(sys.argv) != 4 or sys.argv[3] not in ("1", "4"):
        sys.exit(__doc__)
    failures = compare(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    for failure in failures[:40]:
        print("error: " + failure)
    if len(failures) > 40:
        print("error: and %d more" % (len(failures) - 40))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
