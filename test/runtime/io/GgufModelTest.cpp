// A GGUF file as a model in Hugging Face's terms: a file that gguf-py wrote against
// transformers' reading of it; each rule of names, sizes and metadata by a file that breaks it.
#include "runtime/io/GgufModel.h"

#include "runtime/io/SafeTensors.h"
#include "test/TemporaryDirectory.h"
#include "test/runtime/io/GgufBytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace ftc::rt;
using namespace ftc::test;

static const std::string folder = FTC_TEST_DIR "/data/gguf/";

namespace {

std::unique_ptr<WeightSource> sourceOf(const std::string &path) {
  auto source = WeightSource::open(path);
  EXPECT_TRUE(source) << source.status().message();
  return source ? source.take() : nullptr;
}

GgufFile fileOf(const GgufBytes &bytes) {
  auto file = GgufFile::fromBytes(bytes.text(), "m.gguf");
  EXPECT_TRUE(file) << file.status().message();
  return file.take();
}

OrderedJson configOf(const GgufBytes &bytes) {
  GgufFile file = fileOf(bytes);
  auto config = ggufConfig(file);
  EXPECT_TRUE(config) << config.status().message();
  return config ? config.take() : OrderedJson();
}

std::string configError(const GgufBytes &bytes) {
  GgufFile file = fileOf(bytes);
  auto config = ggufConfig(file);
  return config ? "" : config.status().message();
}

std::string mappingError(const GgufBytes &bytes) {
  GgufFile file = fileOf(bytes);
  auto mapped = mapGgufTensors(file);
  return mapped ? "" : mapped.status().message();
}

/// The same file without the metadata value of `key`.
GgufBytes without(GgufBytes bytes, std::string_view key) {
  std::erase_if(bytes.values,
                [&](const std::string &value) { return value.starts_with(ggufString(key)); });
  return bytes;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

} // namespace

TEST(GgufModel, WeightsEqualTransformers) {
  auto found = sourceOf(folder + "llama.gguf"), expected = sourceOf(folder + "llama");
  ASSERT_EQ(found->tensors().size(), expected->tensors().size());
  for (std::size_t i = 0; i < found->tensors().size(); ++i) {
    const TensorInfo &a = found->tensors()[i], &b = expected->tensors()[i];
    ASSERT_EQ(a.name, b.name);
    ASSERT_EQ(a.shape, b.shape) << a.name;
    std::vector<float> left(a.elements), right(b.elements);
    ASSERT_TRUE(found->readAsF32(a, left.data()));
    ASSERT_TRUE(expected->readAsF32(b, right.data()));
    EXPECT_EQ(std::memcmp(left.data(), right.data(), 4 * left.size()), 0) << a.name;
    for (std::uint64_t first = 0; first < a.elements; first += 41) {
      std::uint64_t count = std::min<std::uint64_t>(70, a.elements - first);
      ASSERT_TRUE(found->readAsF32(a, left.data(), first, count));
      EXPECT_EQ(std::memcmp(left.data(), right.data() + first, 4 * count), 0) << a.name;
    }
  }
  EXPECT_EQ(found->fileCount(), 1u);
  EXPECT_EQ(found->fileName(0), "llama.gguf");
  auto file = File::open(folder + "llama.gguf");
  EXPECT_EQ(found->fileBytes(0), file->size());
  EXPECT_EQ(*found->sha256(0), *sha256HexOfFile(*file));
}

TEST(GgufModel, ConfigEqualsTransformers) {
  auto text = readModelConfig(folder + "llama.gguf");
  ASSERT_TRUE(text) << text.status().message();
  Json found = *parseJson(*text, "config.json");
  Json expected = *readJsonFile(folder + "llama/config.json");
  for (const auto &[key, value] : found.items())
    if (key != "torch_dtype") // "dtype" since transformers 4.56, which reads both.
      EXPECT_EQ(value, expected.value(key, Json("absent"))) << key;
  EXPECT_GE(found.size(), 20u);
}

TEST(GgufModel, RowsOfQueriesAndKeysGoBack) {
  TemporaryDirectory directory;
  ASSERT_TRUE(writeFileAtomic(directory.file("m.gguf"), smallLlama().text()));
  auto source = sourceOf(directory.path());
  auto rows = [&](const char *name) {
    const TensorInfo *tensor = source->find(name);
    std::vector<float> values(tensor->elements), out;
    EXPECT_TRUE(source->readAsF32(*tensor, values.data()));
    for (std::size_t i = 0; i < values.size(); i += 8)
      out.push_back((values[i] - 100) / 8);
    return out;
  };
  // Two heads of four rows; row p * 2 + j lies at 2 * j + p.
  EXPECT_EQ(rows("model.layers.0.self_attn.q_proj.weight"),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(rows("model.layers.0.self_attn.k_proj.weight"),
            (std::vector<float>{12.5, 14.5, 13.5, 15.5}));
  EXPECT_EQ(source->find("lm_head.weight"), nullptr);
  EXPECT_EQ(source->find("model.layers.0.mlp.down_proj.weight")->shape,
            (std::vector<std::uint64_t>{8, 6}));
}

TEST(GgufModel, RefusesWhatIsNotFinite) {
  GgufBytes bytes = smallLlama();
  bytes.tensor("output.weight", {2, 1}, 0, littleEndian(1.0f) + littleEndian(INFINITY));
  TemporaryDirectory directory;
  ASSERT_TRUE(writeFileAtomic(directory.file("m.gguf"), bytes.text()));
  auto source = sourceOf(directory.file("m.gguf"));
  float values[2];
  Status status = source->readAsF32(*source->find("lm_head.weight"), values);
  EXPECT_HAS(status.message(),
             "tensor 'lm_head.weight' has a value that is infinite (as F32) at "
             "element 1, expected finite weights");
}

TEST(GgufModel, RefusesTensorsOfAnotherModel) {
  for (const char *name :
       {"blk.1.attn_q.weight", "blk.00.attn_q.weight", "blk.0.attn_qkv.weight",
        "blk.0.attn_q.scale", "blk.0.ffn_norm.bias", "output", "blk..x.weight",
        "blk.0.ffn_gate_exps.weight", "blk.9999999.attn_q.weight", "foo.weight"})
    EXPECT_HAS(mappingError(smallLlama().count(name, {8})),
               "is not part of architecture llama with 1 layers");
  EXPECT_HAS(mappingError(smallLlama().count("blk.0.attn_q.bias", {6})),
             "has 6 rows, expected an even number for each of 2 heads");
  EXPECT_EQ(mappingError(smallLlama().count("rope_freqs.weight", {2})), "");
}

TEST(GgufModel, RefusesOtherArchitecturesByName) {
  EXPECT_HAS(
      configError(GgufBytes().string("general.architecture", "mamba")),
      "'general.architecture' is 'mamba', which is not supported; expected llama or qwen2");
  EXPECT_HAS(configError(GgufBytes()), "'general.architecture' is missing");
  EXPECT_HAS(configError(smallLlama().integer("split.count", 3)), "split over several files");
  EXPECT_HAS(configError(smallLlama().number("llama.logit_scale", 2)),
             "'llama.logit_scale' is not known for architecture llama");
  EXPECT_HAS(configError(smallLlama().integer("llama.expert_count", 8)),
             "'llama.expert_count' is 8, expected an integer from 0 to 0");
  EXPECT_HAS(configError(smallLlama().integer("llama.rope.dimension_count", 2)),
             "'llama.rope.dimension_count' is 2, expected an integer from 4 to 4");
  EXPECT_HAS(configError(smallLlama().integer("llama.attention.value_length", 8)),
             "expected an integer from 4 to 4");
  EXPECT_HAS(configError(smallLlama().string("llama.tensor_data_layout", "x")), "is 'x'");
  for (const char *key : {"llama.block_count", "llama.context_length", "llama.embedding_length",
                          "llama.feed_forward_length", "llama.attention.head_count",
                          "llama.attention.layer_norm_rms_epsilon"})
    EXPECT_HAS(configError(without(smallLlama(), key)), "' is missing, expected");
}

TEST(GgufModel, ReadsRopeScaling) {
  EXPECT_EQ(configOf(smallLlama())["rope_theta"], 10000.0);
  EXPECT_TRUE(configOf(smallLlama())["rope_scaling"].is_null());
  GgufBytes linear = smallLlama().string("llama.rope.scaling.type", "linear");
  EXPECT_EQ(configOf(linear.number("llama.rope.scaling.factor", 2.5f))["rope_scaling"],
            OrderedJson({{"rope_type", "linear"}, {"factor", 2.5}}));
  EXPECT_HAS(configError(smallLlama().string("llama.rope.scaling.type", "yarn")),
             "'llama.rope.scaling.type' is 'yarn', which is not supported");
  EXPECT_HAS(configError(smallLlama().number("llama.rope.scaling.factor", NAN)), "not finite");
  // Wavelengths of 6 (undivided) and 628 * 2 pi = 3947 (in between), as llama3 divides them.
  GgufBytes base = smallLlama().number("llama.rope.freq_base", 394784.0f);
  auto divided = [&](float first, float second) {
    return GgufBytes(base).tensor("rope_freqs.weight", {2}, 0,
                                  littleEndian(first) + littleEndian(second));
  };
  EXPECT_TRUE(configOf(divided(1, 1))["rope_scaling"].is_null());
  EXPECT_HAS(configError(divided(2, 8)), "divides frequency 0 by 2.000000, expected 1.000000");
  GgufBytes far = smallLlama().number("llama.rope.freq_base", 1e8f);
  far.tensor("rope_freqs.weight", {2}, 0, littleEndian(1.0f) + littleEndian(8.0f));
  EXPECT_EQ(configOf(far)["rope_scaling"]["rope_type"], "llama3");
  EXPECT_EQ(configOf(far)["rope_scaling"]["factor"], 8.0);
  EXPECT_HAS(configError(smallLlama().count("rope_freqs.weight", {3})),
             "expected 2, half a head");
}

TEST(GgufModel, ReadsQwen2) {
  GgufBytes bytes;
  bytes.string("general.architecture", "qwen2").integer("qwen2.block_count", 1);
  bytes.integer("qwen2.context_length", 64).integer("qwen2.embedding_length", 8);
  bytes.integer("qwen2.feed_forward_length", 6).integer("qwen2.attention.head_count", 2);
  bytes.number("qwen2.attention.layer_norm_rms_epsilon", 1e-6f);
  bytes.count("token_embd.weight", {8, 5}).count("output.weight", {8, 5});
  bytes.count("blk.0.attn_q.weight", {8, 8}).count("blk.0.attn_q.bias", {8});
  OrderedJson config = configOf(bytes);
  EXPECT_EQ(config["model_type"], "qwen2");
  EXPECT_EQ(config["num_key_value_heads"], 2);
  EXPECT_EQ(config["tie_word_embeddings"], false);
  GgufFile file = fileOf(bytes);
  auto mapped = mapGgufTensors(file);
  ASSERT_TRUE(mapped) << mapped.status().message();
  EXPECT_EQ((*mapped)[1].name, "lm_head.weight");
  EXPECT_EQ((*mapped)[2].permutedHeads, 0u);
  EXPECT_EQ((*mapped)[3].name, "model.layers.0.self_attn.q_proj.bias");
}

TEST(GgufModel, ReadModelConfigOfADirectory) {
  TemporaryDirectory directory;
  EXPECT_HAS(readModelConfig(directory.path()).status().message(), "config.json: missing");
  EXPECT_HAS(readModelConfig(directory.file("no")).status().message(), "not a directory");
  ASSERT_TRUE(writeFileAtomic(directory.file("config.json"), "{\"a\": 1}"));
  EXPECT_EQ(*readModelConfig(directory.path()), "{\"a\": 1}");
}
