// Decoding over a cache: token by token equals the rows of full causal attention.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

namespace ftc::toys {
namespace {

const Toy &toy() {
  static const Toy made = compileToy({"decoder.mlir",
                                      {},
                                      {{"longest", 16},
                                       {"tokens", 32},
                                       {"sequences", 3},
                                       {"slots", 32},
                                       {"entries", 48},
                                       {"input_ids.unique", 32},
                                       {"token_position.unique", 32}}});
  return made;
}

const std::vector<Integers> kTexts{{3, 9, 9, 1, 28, 4, 7, 11, 2, 5, 6}, {8, 0, 28, 9, 1, 2}};
constexpr int kVocabulary = 29;
/// The slot of a sequence's token: neither sequences nor tokens lie in order or side by side.
std::int32_t slotOf(int sequence, int position) {
  return 2 * ((sequence == 0 ? 5 : 3) * position % 16) + sequence;
}

/// One row of logits a token of each text, by full attention.
std::vector<Floats> fullLogits(Runner &runner) {
  std::vector<Example> examples;
  for (const Integers &text : kTexts)
    examples.push_back({text, {}, Integers(text.size(), 0)});
  runner.set(pack(examples));
  runner.run("evaluate");
  Floats logits = runner.output("logits");
  std::vector<Floats> each;
  auto at = logits.begin();
  for (const Integers &text : kTexts) {
    each.emplace_back(at, at + text.size() * kVocabulary);
    at += text.size() * kVocabulary;
  }
  return each;
}

/// Feeds token `position` of each of `sequences`; their rows of logits.
Floats decode(Runner &runner, const std::vector<int> &sequences,
              const std::vector<int> &positions) {
  ToyBatch batch;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    int sequence = sequences[i], position = positions[i];
    batch.arrays["next_ids"].push_back(kTexts[sequence][position]);
    batch.arrays["next_position"].push_back(position);
    batch.arrays["slots"].push_back(slotOf(sequence, position));
    if (i == 0)
      batch.arrays["cache_offsets"].push_back(0);
    for (int before = 0; before <= position; ++before)
      batch.arrays["cache_entries"].push_back(slotOf(sequence, before));
    batch.arrays["cache_offsets"].push_back(batch.arrays["cache_entries"].size());
  }
  batch.symbols["entries"] = batch.arrays["cache_entries"].size();
  batch.symbols["sequences"] = sequences.size();
  batch.symbols["slots"] = 32;
  runner.set(batch);
  runner.run("decode");
  return runner.output("next_logits");
}

void expectRow(const Floats &rows, std::size_t row, const Floats &full, int position) {
  Floats got(rows.begin() + row * kVocabulary, rows.begin() + (row + 1) * kVocabulary);
  std::vector<double> wanted(full.begin() + position * kVocabulary,
                             full.begin() + (position + 1) * kVocabulary);
  expectNear(got, wanted, 1e-5, "position " + std::to_string(position));
}

TEST(Decode, TokenByTokenEqualsFullCausalAttention) {
  ASSERT_TRUE(toy().artifact);
  for (const std::shared_ptr<rt::Device> &device : allDevices()) {
    Runner runner(toy(), device, {"evaluate", "decode"}, makeParameters(*toy().artifact));
    std::vector<Floats> full = fullLogits(runner);
    // Both sequences step together while both have tokens; then the longer one alone.
    for (int position = 0; position < int(kTexts[0].size()); ++position) {
      bool both = position < int(kTexts[1].size());
      std::vector<int> sequences = both ? std::vector<int>{1, 0} : std::vector<int>{0};
      Floats rows = decode(runner, sequences, std::vector<int>(sequences.size(), position));
      for (std::size_t i = 0; i < sequences.size(); ++i)
        expectRow(rows, i, full[sequences[i]], position);
      if (position == 4)
        fullLogits(runner); // another program in between leaves the caches alone
    }
  }
}

TEST(Decode, SequencesAdvanceOnTheirOwn) {
  ASSERT_TRUE(toy().artifact);
  Runner runner(toy(), *rt::makeCpuDevice(2), {"evaluate", "decode"},
                makeParameters(*toy().artifact));
  std::vector<Floats> full = fullLogits(runner);
  for (int position = 0; position < 5; ++position)
    expectRow(decode(runner, {0}, {position}), 0, full[0], position);
  for (int position = 0; position < 6; ++position) {
    Floats rows = decode(runner, {0, 1}, {position + 5, position});
    expectRow(rows, 0, full[0], position + 5);
    expectRow(rows, 1, full[1], position);
  }
}

TEST(Decode, StateCanBeCleared) {
  ASSERT_TRUE(toy().artifact);
  Runner runner(toy(), *rt::makeCpuDevice(2), {"decode"}, makeParameters(*toy().artifact));
  Floats first = decode(runner, {0}, {0});
  decode(runner, {0}, {1});
  Floats third = decode(runner, {0}, {2});
  ASSERT_TRUE(runner.executor().clearState());
  expectSameBits(decode(runner, {0}, {0}), first, "the first token");
  // Position 1 was cleared, so the third token's row differs now.
  EXPECT_NE(decode(runner, {0}, {2}), third);
}

} // namespace
} // namespace ftc::toys
