// prefill and decode of one encoder-decoder: both against the f64 reference, step by step, and
// what decoding says of each token against the loss that evaluate takes of the whole target;
// beams share their source's slots, and a row is the same in any company.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ftc::toys {
namespace {

constexpr int kVocabulary = 29, kSlots = 48, kSourceSlots = 40;

const Toy &toy() {
  static const Toy made = [] {
    PipelineOptions pipeline;
    pipeline.longestText = 16;
    pipeline.longestSource = 12;
    return compileToy({"target_generator.mlir",
                       pipeline,
                       {{"longest", 16},
                        {"tokens", 40},
                        {"target", 40},
                        {"sequences", 5},
                        {"input_ids.unique", 40},
                        {"target_ids.unique", 40},
                        {"target_position.unique", 40},
                        {"beams", 6},
                        {"entries", 96},
                        {"source_entries", 72},
                        {"slots", kSlots},
                        {"source_slots", kSourceSlots}}});
  }();
  return made;
}

/// A text: its source, what is written of it so far, and the slots of both.
struct Text {
  Integers source, sourceSlots, ids, slots;
};

ToyBatch prefillBatch(const std::vector<Text> &texts) {
  std::vector<Example> examples;
  for (const Text &text : texts)
    examples.push_back({text.source, {}, {}});
  ToyBatch batch = pack(examples);
  for (const Text &text : texts)
    batch.arrays["source_slots"].insert(batch.arrays["source_slots"].end(),
                                        text.sourceSlots.begin(), text.sourceSlots.end());
  batch.symbols["source_slots"] = kSourceSlots;
  return batch;
}

/// The arrays of decode: each text's last token.
ToyBatch decodeBatch(const std::vector<Text> &texts) {
  ToyBatch batch;
  auto &arrays = batch.arrays;
  auto append = [&](const char *list, const char *offsets, const Integers &slots) {
    arrays[list].insert(arrays[list].end(), slots.begin(), slots.end());
    if (arrays[offsets].empty())
      arrays[offsets].push_back(0);
    arrays[offsets].push_back(static_cast<std::int32_t>(arrays[list].size()));
  };
  for (const Text &text : texts) {
    arrays["next_target_ids"].push_back(text.ids.back());
    arrays["next_target_position"].push_back(static_cast<std::int32_t>(text.ids.size()) - 1);
    arrays["next_slots"].push_back(text.slots.back());
    append("cache_entries", "cache_offsets", text.slots);
    append("source_entries", "source_offsets", text.sourceSlots);
  }
  batch.symbols["beams"] = texts.size();
  batch.symbols["entries"] = arrays["cache_entries"].size();
  batch.symbols["source_entries"] = arrays["source_entries"].size();
  batch.symbols["slots"] = kSlots;
  batch.symbols["source_slots"] = kSourceSlots;
  return batch;
}

/// The compiled programs and the reference side by side, over caches of their own.
class Pair {
public:
  explicit Pair(std::shared_ptr<rt::Device> device)
      : parameters(makeParameters(*toy().artifact)),
        runner(toy(), std::move(device), {"evaluate", "prefill", "decode"}, parameters) {
    for (const std::string layer : {"a", "b"})
      for (const char *kind : {".keys", ".values"}) {
        std::int64_t width = layer == "a" ? 24 : 12;
        caches[layer + kind] = reference::Tensor::zeros({kSlots, width});
        caches[layer + ".cross" + kind] = reference::Tensor::zeros({kSourceSlots, width});
      }
  }

  void prefill(const std::vector<Text> &texts) {
    ToyBatch batch = prefillBatch(texts);
    runner.set(batch);
    runner.run("prefill");
    reference::State state = makeState(batch, parameters, *toy().artifact, {});
    state.caches = caches;
    runReference(toy(), "prefill", state);
    caches = state.caches;
  }

  /// The logits of each text's next token.
  Floats decode(const std::vector<Text> &texts) {
    ToyBatch batch = decodeBatch(texts);
    runner.set(batch);
    runner.run("decode");
    reference::State state = makeState(batch, parameters, *toy().artifact, {});
    state.caches = caches;
    runReference(toy(), "decode", state);
    caches = state.caches;
    expectNear(runner.output("next_logits"), state.outputs["next_logits"].values, 1e-5,
               "decode");
    return runner.output("next_logits");
  }

  /// The loss of each target row, all rows at once.
  Floats losses(const std::vector<Example> &examples) {
    runner.set({{"label_smoothing", 0.0}, {"inverse_denominator", 1.0}});
    runner.set(pack(examples));
    runner.run("evaluate");
    return runner.output("row_loss");
  }

private:
  Parameters parameters;
  Runner runner;
  std::map<std::string, reference::Tensor> caches;
};

/// -log softmax of a row of logits at a label.
double lossOf(const Floats &logits, std::size_t row, int label) {
  auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row * kVocabulary);
  double top = *std::max_element(begin, begin + kVocabulary), sum = 0;
  for (int v = 0; v < kVocabulary; ++v)
    sum += std::exp(begin[v] - top);
  return top + std::log(sum) - begin[label];
}

std::vector<Text> threeTexts() {
  return {{{3, 9, 9, 1, 28, 4, 7}, {30, 2, 11, 4, 39, 0, 21}, {}, {}},
          {{8}, {17}, {}, {}},
          {{0, 28, 9, 5, 5, 5, 19, 2, 2, 7, 1, 14},
           {5, 6, 7, 8, 1, 3, 9, 10, 38, 37, 36, 35},
           {},
           {}}};
}

TEST(TargetGeneration, DecodingGivesTheLossOfTheWholeTarget) {
  ASSERT_TRUE(toy().artifact);
  const std::vector<Integers> targets{
      {5, 1, 1, 22, 9, 0, 3, 3}, {5, 7, 2, 28, 4, 4, 6, 1}, {5, 0, 16, 2, 20, 11, 8, 8}};
  for (const std::shared_ptr<rt::Device> &device : allDevices()) {
    Pair pair(device);
    std::vector<Text> texts = threeTexts();
    pair.prefill(texts);
    std::vector<Example> examples;
    for (std::size_t i = 0; i < texts.size(); ++i)
      examples.push_back({texts[i].source,
                          {targets[i].begin(), targets[i].end() - 1},
                          {targets[i].begin() + 1, targets[i].end()}});
    Floats whole = pair.losses(examples);
    std::size_t steps = targets[0].size() - 1;
    for (std::size_t step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        texts[i].ids.push_back(targets[i][step]);
        texts[i].slots.push_back(static_cast<std::int32_t>((step * 3 + i) * 7 % kSlots));
      }
      Floats logits = pair.decode(texts);
      for (std::size_t i = 0; i < texts.size(); ++i)
        EXPECT_NEAR(lossOf(logits, i, targets[i][step + 1]), whole[i * steps + step], 2e-5)
            << "text " << i << " step " << step;
    }
  }
}

TEST(TargetGeneration, BeamsShareASourceAndRowsDoNotDependOnTheirCompany) {
  ASSERT_TRUE(toy().artifact);
  std::shared_ptr<rt::Device> device = *rt::makeCpuDevice(2);
  auto step = [](Text &text, std::int32_t id, std::int32_t slot) {
    text.ids.push_back(id);
    text.slots.push_back(slot);
  };
  // Two beams of the first text, which part after their common start, beside another text.
  std::vector<Text> texts = threeTexts();
  Pair together(device);
  together.prefill(texts);
  std::vector<Text> rows{texts[0], texts[2]};
  step(rows[0], 5, 3), step(rows[1], 5, 9);
  together.decode(rows);
  rows = {rows[0], rows[0], rows[1]};
  step(rows[0], 8, 40), step(rows[1], 17, 41), step(rows[2], 1, 42);
  Floats all = together.decode(rows);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Pair alone(device);
    Text own = texts[row < 2 ? 0 : 2];
    for (std::size_t i = 0; i < own.sourceSlots.size(); ++i) // elsewhere
      own.sourceSlots[i] = static_cast<std::int32_t>(kSourceSlots - 1 - 2 * i);
    alone.prefill({own});
    step(own, 5, 20);
    alone.decode({own});
    step(own, rows[row].ids.back(), 7);
    Floats one = alone.decode({own});
    expectSameBits(one,
                   {all.begin() + row * kVocabulary, all.begin() + (row + 1) * kVocabulary},
                   "row " + std::to_string(row));
  }
}

} // namespace
} // namespace ftc::toys
