"""One plain SGD step with rate 1 shows the gradient itself: that of an attention key bias is
zero in truth, and at most 1e-6 here."""

import sys
import unittest

from toolchain import HERE, Suite, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402


class KeyBiasTest(Suite):
    def testGradientOfKeyBias(self):
        task = "text-classification"
        artifact = self.compile("bert", task, flags=("--optim", "sgd"))
        output = self.scratch / "out"
        must("ftrt", "run", artifact, "--train_file", data_of("bert", task), "--output_dir",
             output, "--max_steps", 1, "--learning_rate", 1, "--lr_scheduler_type", "constant",
             "--max_grad_norm", 0, "--weight_decay", 0, "--per_device_train_batch_size", 16,
             "--shuffle", "false")
        start = compare_run.read_safetensors(model_of("bert", task) / "model.safetensors")
        final = compare_run.read_safetensors(output / "model.safetensors")
        for layer in range(3):
            gradient = {}
            for part in ("key", "query"):
                name = "bert.encoder.layer.%d.attention.self.%s.bias" % (layer, part)
                gradient[part] = max(
                    abs(b - a) for a, b in zip(start[name][1], final[name][1]))
            self.assertLessEqual(gradient["key"], 1e-6)
            self.assertGreater(gradient["query"], 1e-5)


if __name__ == "__main__":
    unittest.main()
