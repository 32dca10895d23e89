"""A recorded tiny model with other sizes and random weights, for kernels that its own sizes do not reach."""

import json
import random
import shutil

from test_compare import write_safetensors
from toolchain import model_of

from compare_run import read_safetensors


def resized(family, task, folder, sizes, **config):
    """Writes the model with each dimension of `sizes` replaced and `config` changed; its tensors by name."""
    shutil.copytree(model_of(family, task), folder)
    settings = json.loads((folder / "config.json").read_text())
    settings.update(config)
    (folder / "config.json").write_text(json.dumps(settings))
    dice, tensors = random.Random(1), {}
    for name, (shape, _) in read_safetensors(folder / "model.safetensors").items():
        shape = [sizes.get(size, size) for size in shape]
        count = 1
        for size in shape:
            count *= size
        ones = name.lower().endswith("norm.weight")
        tensors[name] = (shape, [1.0 if ones else dice.gauss(0, 0.1) for _ in range(count)])
    write_safetensors(folder / "model.safetensors", tensors)
    return {name: values for name, (_, values) in tensors.items()}
