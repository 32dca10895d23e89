"""A model in a GGUF file gives what the same model in Hugging Face layout gives: the artifact names
the file, training starts from its dequantized weights, the export is an ordinary directory."""

import array
import hashlib
import json
import pathlib
import shutil
import struct
import unittest

from toolchain import Suite, call, data_of, last_line, must

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "runtime" / "io" / "data" / "gguf"
DATA = data_of("distilbert", "text-classification")


def tensors_of(path):
    """name -> (shape, values) of a safetensors file of f32. Values: a step turns -0 into 0."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (entry["shape"], array.array(
        "f", data[entry["data_offsets"][0]:entry["data_offsets"][1]])) for name, entry in
            header.items()}


class GgufTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.scratch / "model"
        cls.folder.mkdir()
        shutil.copy(GOLDEN / "llama.gguf", cls.folder / "llama.gguf")
        cls.artifact = cls.compile_model(cls.folder, "gguf.ftb")

    @classmethod
    def compile_model(cls, model, name):
        out = cls.scratch / name
        must("ftc", "compile", model, "--task", "text-classification", "--train_file", DATA,
             "-o", out)
        return out

    def runSteps(self, artifact, name, *flags):
        out = self.scratch / name
        must("ftrt", "run", artifact, "--train_file", DATA, "--output_dir", out,
             "--save_strategy", "no", "--per_device_train_batch_size", 4, *flags)
        return out

    def testDryStepExportsTheDequantizedWeights(self):
        out = self.runSteps(self.artifact, "dry", "--max_steps", 1, "--learning_rate", 0)
        found, expected = tensors_of(out / "model.safetensors"), tensors_of(
            GOLDEN / "llama" / "model.safetensors")
        self.assertEqual(set(found) - set(expected), {"score.weight"})
        self.assertEqual(set(expected) - set(found), set())
        for name, tensor in expected.items():
            self.assertTrue(found[name] == tensor, name)
        config = json.loads((out / "config.json").read_text())
        original = json.loads((GOLDEN / "llama" / "config.json").read_text())
        for key in ("model_type", "hidden_size", "num_key_value_heads", "head_dim", "rope_theta",
                    "rms_norm_eps", "vocab_size", "pad_token_id", "tie_word_embeddings"):
            self.assertEqual(config[key], original[key], key)
        settings = json.loads((out / "tokenizer_config.json").read_text())
        self.assertIn("<|im_start|>", settings["chat_template"])
        self.assertTrue((out / "tokenizer.json").exists())

    def testTrainingEqualsThatOfTheHuggingFaceDirectory(self):
        flags = ("--max_steps", 3, "--learning_rate", "1e-3", "--seed", 5)
        found = self.runSteps(self.compile_model(GOLDEN / "llama.gguf", "file.ftb"), "a", *flags)
        expected = self.runSteps(self.compile_model(GOLDEN / "llama", "hf.ftb"), "b", *flags)
        self.assertEqual((found / "model.safetensors").read_bytes(),
                         (expected / "model.safetensors").read_bytes())
        self.assertNotEqual(tensors_of(found / "model.safetensors")["model.norm.weight"],
                            tensors_of(GOLDEN / "llama" / "model.safetensors")["model.norm.weight"])

    def testArtifactHoldsTheFileToItsHash(self):
        other = self.scratch / "other"
        other.mkdir()
        content = bytearray((GOLDEN / "llama.gguf").read_bytes())
        content[-1] ^= 1
        (other / "llama.gguf").write_bytes(content)
        done = call("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir",
                    self.scratch / "never", "--max_steps", 1, "--model_name_or_path", other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("SHA-256", last_line(done.stderr))
        self.assertIn(hashlib.sha256(content).hexdigest()[:16], last_line(done.stderr))

    def testTokenize(self):
        text = self.scratch / "text.txt"
        lines = [json.loads(line) for line in
                 (GOLDEN / "llama" / "encodings.jsonl").read_text(encoding="utf-8").split("\n")
                 if line]
        lines = [line for line in lines if "\n" not in line["text"] and "\r" not in line["text"]]
        text.write_text("".join(line["text"] + "\n" for line in lines), encoding="utf-8")
        done = must("ftrt", "tokenize", GOLDEN / "llama.gguf", "--input_file", text)
        found = [json.loads(line) for line in done.stdout.split("\n") if line]
        self.assertEqual([line["ids"] for line in found], [line["ids"] for line in lines])
        self.assertEqual([line["offsets"] for line in found], [line["offsets"] for line in lines])


if __name__ == "__main__":
    unittest.main()
