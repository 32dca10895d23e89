"""Optimizers whose moments know rows, columns or blocks, on weights that the checkpoint keeps transposed
(GPT-2's Conv1D): the emulated GPU's weights and moments beside the CPU's, tensor by tensor as their files
have them, and a run that goes on from a checkpoint."""

import json
import math
import os
import shutil
import struct
import sys
import unittest

from cuda_parity import EMULATOR
from toolchain import HERE, Suite, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
from compare_run import read_safetensors  # noqa: E402

TASK = "text-classification"
STEPS = 4
# Shares of a tensor's norm, of weights of their change's: both devices add in f32, in orders of their own.
# A moment next to the border of two codes may have either.
ERROR = 2e-3
OTHER_CODES = 0.01


def codes(path):
    """The tensors of bytes."""
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    found = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__" and entry["dtype"] == "U8":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            found[name] = (entry["shape"], data[begin:end])
    return found


class CudaOptimizersTest(Suite):
    def train(self, device, output, *flags):
        must("ftrt", "run", self.scratch / (self.stem + device + ".ftb"), "--train_file",
             data_of("gpt2", TASK), "--output_dir", output, "--max_steps", STEPS,
             "--per_device_train_batch_size", 4, "--learning_rate", 1e-3, "--weight_decay", 0.05,
             "--dropout", 0, "--lr_scheduler_type", "constant", "--save_strategy", "steps", "--save_steps", 2,
             "--device", device, *flags,
             env=dict(os.environ, LD_LIBRARY_PATH=str(EMULATOR), FTC_EMULATOR_DEVICE=self.gpu))

    def close(self, wanted, found, start=None):
        self.assertEqual({name: shape for name, (shape, _) in wanted.items()},
                         {name: shape for name, (shape, _) in found.items()})
        for name, (_, values) in wanted.items():
            if "c_attn.bias" in name:
                continue  # the key's gradient is zero but for rounding
            before = start[name][1] if start else [0.0] * len(values)
            self.assertLessEqual(math.dist(values, found[name][1]), ERROR * math.dist(values, before), name)

    def closeCodes(self, wanted, found):
        self.assertEqual(set(wanted), set(found))
        for name, (shape, values) in wanted.items():
            self.assertEqual(shape, found[name][0])
            other = [abs(a - b) for a, b in zip(values, found[name][1]) if a != b]
            self.assertLessEqual(len(other), OTHER_CODES * len(values), name)
            self.assertLessEqual(max(other, default=0), 1, name)

    def sameState(self, wanted, found):
        self.close(*(read_safetensors(folder / "model.safetensors") for folder in (wanted, found)),
                   start=read_safetensors(model_of("gpt2", TASK) / "model.safetensors"))
        states = [folder / ("checkpoint-%d" % STEPS) / "optimizer.safetensors" for folder in (wanted, found)]
        self.close(*map(read_safetensors, states))
        self.closeCodes(*map(codes, states))
        return codes(states[0])

    def check(self, optimizer, gpu):
        self.stem, self.gpu = optimizer + "-", gpu
        for device, target in (("cpu", ()), ("cuda", ("--target", "cuda", "--gpu", gpu))):
            must("ftc", "compile", model_of("gpt2", TASK), "--task", TASK, "--train_file", data_of("gpt2", TASK),
                 "--max_seq_length", 48, "--optim", optimizer, *target, "-o",
                 self.scratch / (self.stem + device + ".ftb"))
            self.train(device, self.scratch / (self.stem + device))
        cpu, cuda = (self.scratch / (self.stem + device) for device in ("cpu", "cuda"))
        found = self.sameState(cpu, cuda)
        self.assertEqual(any("attn.c_attn.weight" in name for name in found), optimizer == "adamw8bit", found)
        # What a checkpoint gives back is what it was given.
        resumed, state = self.scratch / (self.stem + "resumed"), "checkpoint-%d/optimizer.safetensors" % STEPS
        shutil.copytree(cuda, resumed)
        shutil.rmtree(resumed / ("checkpoint-%d" % STEPS))
        self.train("cuda", resumed, "--resume_from_checkpoint", "true")
        for name in ("model.safetensors", state):
            self.assertTrue((cuda / name).read_bytes() == (resumed / name).read_bytes(), name)

    def testAdafactor(self):
        self.check("adafactor", "sm_90")

    def testAdamW8bit(self):
        self.check("adamw8bit", "sm_80")


if __name__ == "__main__":
    unittest.main()
