"""What ftc compile ships for a GPU of each recorded model, through ptxas: cuda_assembled.py FAMILY compiles it
for sm_80 and sm_90 at once, in bf16 for its last task, with FTC_LONG=1 in each precision for each task; bert also
with layers of 256 and 1024 and batches of 16,384 tokens, whose products have tiles of all sizes. Every kernel and
group must be accepted, without a spill. Nothing runs. Exits with 77 where there is no ptxas."""

import os
import pathlib
import sys
import tempfile

from cuda_parity import check_kernels, kernels_of, lengths
from resized_model import resized
from toolchain import RECORDINGS, data_of, model_of, must

TASKS = ("question-answering", "summarization", "text-classification", "text-generation", "token-classification",
         "translation")


def tasks_of(family):
    """Those with a recorded model; of decoders that continue texts, not what they are prompted to (other lengths)."""
    tasks = [task for task in TASKS if (RECORDINGS / (family + "-" + task)).is_dir()]
    prompted = ("summarization", "translation") if "text-generation" in tasks else ()
    return [task for task in tasks if task not in prompted]


def assembled(model, family, task, *flags):
    """Of how many kernels and groups the artifact has machine code; None without ptxas."""
    with tempfile.TemporaryDirectory(prefix="ftc-ptxas-") as folder:
        artifact = pathlib.Path(folder) / "step.ftb"
        must("ftc", "compile", model, "--task", task, "--train_file", data_of(family, task), *lengths(task, ()),
             "--target", "cuda", *flags, "-o", artifact)
        variants = kernels_of(artifact)
        assert sorted(variants) == ["sm_80", "sm_90"], sorted(variants)
        if not all(variant["cubin_bytes"] for variant in variants.values()):
            return None
        check_kernels(artifact)
        return sum("registers" in kernel for variant in variants.values() for kernel in variant["kernels"])


def cases_of(family, scratch):
    """Models, tasks and flags."""
    exhaustive = bool(os.environ.get("FTC_LONG"))
    tasks = tasks_of(family)
    assert tasks, "no recording of " + family
    for task in tasks if exhaustive else tasks[-1:]:
        for precision in ("bf16", "tf32", "fp32") if exhaustive else ("bf16",):
            yield model_of(family, task), task, ("--precision", precision)
    if family == "bert":
        wide, task = scratch / "wide", "text-classification"
        resized(family, task, wide, {60: 256, 97: 1024}, hidden_size=256, num_attention_heads=4,
                intermediate_size=1024)
        for update in ((), ("--fused_update",)):
            yield wide, task, ("--precision", "bf16", "--max_tokens", 16384, *update)


def main():
    family = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ftc-wide-") as scratch:
        for model, task, flags in cases_of(family, pathlib.Path(scratch)):
            count = assembled(model, family, task, *flags)
            if count is None:
                print("no ptxas: nothing was assembled")
                return 77
            print("%s %s %s: %d kernels and groups, 0 spills" % (
                family, task, " ".join(map(str, flags)), count), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
