# Makes python.safetensors: what SafeTensorsWriter.BytesArePythons compares the writer with.
import os
import torch
from safetensors.torch import save_file

save_file(
    {
        "z.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "b": torch.tensor([1.5, -2.0]),
        'scalar "q" \\ \n\x01\x7f\u00e9/': torch.tensor(7.0),
        "ids": torch.arange(3).reshape(1, 3),
        "empty": torch.zeros(0, 4),
    },
    os.path.join(os.path.dirname(__file__), "python.safetensors"),
    metadata={"format": "pt"},
)
