"""One plain SGD step with rate 1 shows the gradient itself: that of an attention key bias is
zero in truth, and at most 1e-6 here."""

import sys
import unittest

from toolchain import HERE, Suite, data_of, model_of, must

sys.path.insert(0, str(HERE.parent / "oracle"))
import compare_run  # noqa: E402


# The names of the biases of keys and queries; of DeBERTa, of position keys and queries: keys of
# contents meet position queries, which makes their bias count.
PARTS = {"bert": (".key.bias", ".query.bias"), "roberta": (".key.bias", ".query.bias"),
         "distilbert": (".k_lin.bias", ".q_lin.bias"),
         "deberta-v2": (".pos_key_proj.bias", ".pos_query_proj.bias")}


class KeyBiasTest(Suite):
    def check(self, family, task):
        artifact = self.compile(family, task, "%s-%s.ftb" % (family, task), ("--optim", "sgd"))
        output = self.scratch / ("%s-%s" % (family, task))
        must("ftrt", "run", artifact, "--train_file", data_of(family, task), "--output_dir",
             output, "--max_steps", 1, "--learning_rate", 1, "--lr_scheduler_type", "constant",
             "--max_grad_norm", 0, "--weight_decay", 0, "--per_device_train_batch_size", 16,
             "--shuffle", "false", "--save_strategy", "no")
        start = compare_run.read_safetensors(model_of(family, task) / "model.safetensors")
        final = compare_run.read_safetensors(output / "model.safetensors")
        key, query = PARTS[family]
        keys = [name for name in final if name.endswith(key)]
        self.assertEqual(len(keys), 2 if family == "deberta-v2" else 3)
        for name in keys:
            gradient = [max(abs(b - a) for a, b in zip(start[one][1], final[one][1]))
                        for one in (name, name.removesuffix(key) + query)]
            self.assertLessEqual(gradient[0], 1e-6, name)
            self.assertGreater(gradient[1], 1e-5, name)

    def testGradientOfKeyBias(self):
        for family in PARTS:
            for task in ("text-classification", "token-classification"):
                if family == "deberta-v2" and task != "text-classification":
                    continue  # its projections are shared
                with self.subTest(family=family, task=task):
                    self.check(family, task)


if __name__ == "__main__":
    unittest.main()
