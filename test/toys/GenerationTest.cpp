// prefill and decode of one decoder: both against the f64 reference, step by step, and decoding
// against prefilling the longer text; beams that share their prompt's slots and change places.
#include "test/toys/Toy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ftc::toys {
namespace {

constexpr int kVocabulary = 29, kSlots = 48;

const Toy &toy() {
  static const Toy made = [] {
    PipelineOptions pipeline;
    pipeline.longestText = 16;
    return compileToy({"generator.mlir",
                       pipeline,
                       {{"longest", 16},
                        {"tokens", 48},
                        {"sequences", 4},
                        {"labelled", 48},
                        {"beams", 6},
                        {"entries", 96},
                        {"slots", kSlots},
                        {"input_ids.unique", 48},
                        {"position_ids.unique", 48}}});
  }();
  return made;
}

/// A text that runs: its tokens, and the slot that each one's key and value lie in.
struct Text {
  Integers ids, slots;
};

/// The arrays of prefill: whole texts, packed.
ToyBatch prefillBatch(const std::vector<Text> &texts) {
  std::vector<Example> examples;
  for (const Text &text : texts)
    examples.push_back({text.ids, {}, {}});
  ToyBatch batch = pack(examples);
  batch.arrays["position_ids"] = batch.arrays["token_position"];
  Integers &offsets = batch.arrays["cu_seqlens"];
  for (std::size_t i = 0; i < texts.size(); ++i) {
    batch.arrays["last_rows"].push_back(offsets[i + 1] - 1);
    batch.arrays["last_positions"].push_back(texts[i].ids.size() - 1);
    batch.arrays["slots"].insert(batch.arrays["slots"].end(), texts[i].slots.begin(),
                                 texts[i].slots.end());
    batch.arrays["sequence_offsets"].push_back(i);
  }
  batch.arrays["sequence_offsets"].push_back(texts.size());
  batch.symbols["slots"] = kSlots;
  return batch;
}

/// The arrays of decode: each text's last token.
ToyBatch decodeBatch(const std::vector<Text> &texts) {
  ToyBatch batch;
  auto &arrays = batch.arrays;
  arrays["cache_offsets"].push_back(0);
  for (const Text &text : texts) {
    std::int32_t position = text.ids.size() - 1;
    arrays["next_input_ids"].push_back(text.ids.back());
    arrays["next_token_position"].push_back(position);
    arrays["next_position_ids"].push_back(position);
    arrays["next_slots"].push_back(text.slots.back());
    arrays["cache_entries"].insert(arrays["cache_entries"].end(), text.slots.begin(),
                                   text.slots.end());
    arrays["cache_offsets"].push_back(arrays["cache_entries"].size());
  }
  batch.symbols["beams"] = texts.size();
  batch.symbols["entries"] = arrays["cache_entries"].size();
  batch.symbols["slots"] = kSlots;
  return batch;
}

/// The compiled programs and the reference side by side, over caches of their own.
class Pair {
public:
  Pair(std::shared_ptr<rt::Device> device)
      : parameters(makeParameters(*toy().artifact)),
        runner(toy(), std::move(device), {"prefill", "decode"}, parameters) {
    for (const char *name : {"a.keys", "a.values", "b.keys", "b.values"})
      caches[name] = reference::Tensor::zeros({kSlots, 12});
  }

  /// Runs a program on both sides; the reference's logits.
  std::vector<double> run(const std::string &program, const ToyBatch &batch) {
    runner.set(batch);
    runner.run(program);
    reference::State state = makeState(batch, parameters, *toy().artifact, {});
    state.caches = caches;
    runReference(toy(), program, state);
    caches = state.caches;
    expectNear(runner.output("next_logits"), state.outputs["next_logits"].values, 1e-5,
               program);
    return state.outputs["next_logits"].values;
  }

private:
  Parameters parameters;
  Runner runner;
  std::map<std::string, reference::Tensor> caches;
};

/// The last row's logits of each text prefilled whole, into caches that are thrown away.
std::vector<double> whole(const std::vector<Text> &texts, std::shared_ptr<rt::Device> device) {
  return Pair(std::move(device)).run("prefill", prefillBatch(texts));
}

void expectEqual(const std::vector<double> &a, const std::vector<double> &b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-12) << i;
}

/// Slots for a text: none in order, none beside the next.
Integers slotsFrom(int first, std::size_t count) {
  Integers slots(count);
  for (std::size_t i = 0; i < count; ++i)
    slots[i] = (first + 7 * static_cast<int>(i)) % kSlots;
  return slots;
}

TEST(Generation, DecodingEqualsPrefillingTheLongerText) {
  ASSERT_TRUE(toy().artifact);
  for (const std::shared_ptr<rt::Device> &device : allDevices()) {
    Pair pair(device);
    // Slots 0, 7, 14, ... are 48 distinct ones: each text takes a stretch of them.
    std::vector<Text> texts{{{3, 9, 9, 1, 28, 4, 7}, slotsFrom(0, 7)},
                            {{8}, slotsFrom(7 * 12 % kSlots, 1)},
                            {{0, 28, 9}, slotsFrom(7 * 24 % kSlots, 3)}};
    expectEqual(pair.run("prefill", prefillBatch(texts)), whole(texts, device));
    for (int step = 0; step < 6; ++step) {
      if (step == 3) // one ends; the others go on in another order
        texts = {texts[2], texts[0]};
      for (Text &text : texts) {
        text.ids.push_back((5 * text.ids.back() + 11 + step) % kVocabulary);
        text.slots.push_back((text.slots.back() + 7) % kSlots);
      }
      expectEqual(pair.run("decode", decodeBatch(texts)), whole(texts, device));
    }
  }
}

TEST(Generation, BeamsShareSlotsAndChangePlaces) {
  ASSERT_TRUE(toy().artifact);
  std::shared_ptr<rt::Device> device = *rt::makeCpuDevice(2);
  Pair pair(device);
  Text prompt{{4, 4, 17, 2, 20}, slotsFrom(3, 5)};
  pair.run("prefill", prefillBatch({prompt}));
  std::vector<Text> beams{prompt, prompt, prompt};
  std::int32_t fresh = 0;
  Integers unused;
  for (std::int32_t slot = 0; slot < kSlots; ++slot)
    if (std::find(prompt.slots.begin(), prompt.slots.end(), slot) == prompt.slots.end())
      unused.push_back(slot);
  for (int step = 0; step < 4; ++step) {
    // The last beam's heir begins two; the first dies out.
    beams = {beams[2], beams[1], beams[2]};
    for (std::size_t i = 0; i < beams.size(); ++i) {
      beams[i].ids.push_back(static_cast<std::int32_t>(step * 3 + i + 1));
      beams[i].slots.push_back(unused[fresh++]);
    }
    expectEqual(pair.run("decode", decodeBatch(beams)), whole(beams, device));
  }
}

TEST(Generation, ARowDoesNotDependOnItsCompany) {
  ASSERT_TRUE(toy().artifact);
  std::shared_ptr<rt::Device> device = *rt::makeCpuDevice(2);
  Parameters parameters = makeParameters(*toy().artifact);
  Text text{{3, 9, 9, 1, 28, 4}, slotsFrom(5, 6)}, other{{8, 0, 28}, slotsFrom(0, 3)};
  other.slots = {1, 2, 4};
  auto rowOf = [&](const std::vector<Text> &texts, std::size_t row) {
    Runner runner(toy(), device, {"prefill", "decode"}, parameters);
    std::vector<Text> prompts = texts;
    for (Text &prompt : prompts) {
      prompt.ids.pop_back();
      prompt.slots.pop_back();
    }
    runner.set(prefillBatch(prompts));
    runner.run("prefill");
    runner.set(decodeBatch(texts));
    runner.run("decode");
    Floats all = runner.output("next_logits");
    return Floats(all.begin() + row * kVocabulary, all.begin() + (row + 1) * kVocabulary);
  };
  Text elsewhere = text;
  elsewhere.slots = {40, 9, 11, 13, 47, 30};
  expectSameBits(rowOf({text}, 0), rowOf({other, elsewhere}, 1), "a row");
}

} // namespace
} // namespace ftc::toys
