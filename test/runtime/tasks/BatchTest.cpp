// Packing: every named array against a plain recomputation, capacities, steady allocations.
#include "runtime/tasks/Batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <new>
#include <random>

namespace {
std::atomic<long> allocations{0};
} // namespace

void *operator new(std::size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace ftc::rt {
namespace {

using Values = std::vector<std::int32_t>;

Example tokenExample(Values ids, Values labels) {
  Example example;
  example.ids = std::move(ids);
  example.typeIds.assign(example.ids.size(), 0);
  example.labels = std::move(labels);
  example.line = 2;
  return example;
}

std::vector<const Example *> pointers(const std::vector<Example> &examples) {
  std::vector<const Example *> result;
  for (const Example &example : examples)
    result.push_back(&example);
  return result;
}

Values values(const Batch &batch, std::string_view name) {
  auto found = batch.array(name);
  EXPECT_TRUE(found) << name;
  return found ? Values(found->begin(), found->end()) : Values();
}

TEST(Batch, PacksSpansByName) {
  std::vector<Example> examples = {
      tokenExample({101, 7, 7, 102}, {1}),
      tokenExample({101, 9, 102}, {-100}),
      tokenExample({101, 8, 8, 8, 102}, {0}),
  };
  examples[0].spanEnd = 2;
  examples[2].spanEnd = 0;
  auto batch = Batch::make({16, 4, 0}, {LabelPlacement::Span, 0});
  ASSERT_TRUE(batch) << batch.status().message();
  ASSERT_TRUE(batch->pack(pointers(examples), 5));
  EXPECT_EQ(values(*batch, "start_positions"), (Values{1, -100, 0}));
  EXPECT_EQ(values(*batch, "end_positions"), (Values{2, -100, 0}));
  EXPECT_EQ(values(*batch, "cu_seqlens"), (Values{0, 4, 7, 12}));
  EXPECT_FALSE(batch->array("labels"));
  EXPECT_FALSE(batch->array("labelled_rows"));
  EXPECT_EQ(batch->labelled(), 3);
  EXPECT_EQ(batch->countedLabels(), 2);
  EXPECT_EQ(countLabels(pointers(examples)), 2);
  EXPECT_EQ(batch->tokenOutput(5).example, 6);
  EXPECT_EQ(batch->tokenOutput(5).token, 1);
  examples[0].spanEnd = 4;
  EXPECT_EQ(batch->pack(pointers(examples), 0).message(),
            "the example of line 2: expected an answer within its 4 tokens, got tokens 1 to 4");
}

Example targetExample(Values ids, Values labels, std::int32_t start) {
  Example example = tokenExample(std::move(ids), {});
  example.labels = labels;
  example.targetIds = {start};
  for (std::size_t i = 0; i + 1 < labels.size(); ++i)
    example.targetIds.push_back(labels[i] == kIgnoredLabel ? 1 : labels[i]);
  return example;
}

TEST(Batch, PacksTwoStreamsByName) {
  std::vector<Example> examples = {targetExample({7, 8, 9}, {4, 4}, 2),
                                   targetExample({7}, {9, 4, -100, 1}, 2)};
  auto batch = Batch::make({8, 4, 0, 8}, {LabelPlacement::Target, 2});
  ASSERT_TRUE(batch) << batch.status().message();
  ASSERT_TRUE(batch->pack(pointers(examples), 5));
  EXPECT_EQ(values(*batch, "input_ids"), (Values{7, 8, 9, 7}));
  EXPECT_EQ(values(*batch, "cu_seqlens"), (Values{0, 3, 4}));
  EXPECT_EQ(values(*batch, "target_ids"), (Values{2, 4, 2, 9, 4, 1}));
  EXPECT_EQ(values(*batch, "labels"), (Values{4, 4, 9, 4, -100, 1}));
  EXPECT_EQ(values(*batch, "target_cu_seqlens"), (Values{0, 2, 6}));
  EXPECT_EQ(values(*batch, "target_sequence"), (Values{5, 5, 6, 6, 6, 6}));
  EXPECT_EQ(values(*batch, "target_position"), (Values{0, 1, 0, 1, 2, 3}));
  EXPECT_EQ(values(*batch, "target_position_ids"), (Values{2, 3, 2, 3, 4, 5}));
  EXPECT_EQ(values(*batch, "target_position_ids.order"), (Values{0, 2, 1, 3, 4, 5}));
  EXPECT_EQ(values(*batch, "target_position_ids.segments"), (Values{0, 2, 4, 5, 6}));
  EXPECT_EQ(values(*batch, "target_position_ids.rows"), (Values{2, 3, 4, 5}));
  EXPECT_EQ(batch->symbol("target"), 6);
  EXPECT_EQ(batch->symbol("target_position_ids.unique"), 4);
  EXPECT_EQ(batch->symbol("tokens"), 4);
  EXPECT_EQ(batch->countedLabels(), 5);
  EXPECT_EQ(batch->labelled(), 6);
  EXPECT_EQ(batch->labelledOutput(3).example, 6);
  EXPECT_EQ(batch->labelledOutput(3).token, 1);
  EXPECT_FALSE(batch->array("labelled_rows"));
  for (std::string_view name : Batch::symbolNames())
    EXPECT_TRUE(batch->symbol(name)) << name;
  std::vector<const Example *> list = pointers(examples);
  ASSERT_TRUE(batch->pack(std::span(list).first(1), 0));
  EXPECT_EQ(values(*batch, "target_ids"), (Values{2, 4}));
  EXPECT_FALSE(Batch::make({8, 4, 0}, {LabelPlacement::Target, 2}));
  auto plain = Batch::make({8, 4, 0}, {LabelPlacement::Sequence, 0});
  EXPECT_FALSE(plain->array("target_ids"));
}

TEST(Batch, CountsPairsWithinAWindow) {
  std::vector<Example> examples;
  for (int length : {5, 1, 2, 7}) {
    Example example;
    for (int i = 0; i < length; ++i) {
      example.ids.push_back(i);
      example.typeIds.push_back(0);
      example.labels.push_back(i % 3 == 1 ? -100 : 1);
    }
    examples.push_back(example);
  }
  auto batch = Batch::make({16, 4, 16}, {LabelPlacement::Token, 0});
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->symbol("token_pairs.3"), 0); // nothing is packed
  ASSERT_TRUE(batch->pack(pointers(examples), 0));
  for (std::int64_t window : {1, 2, 3, 5, 6, 100}) {
    std::int64_t tokens = 0, labelled = 0;
    for (const Example &example : examples)
      for (std::int64_t i = 0; i < example.tokens(); ++i)
        for (std::int64_t j = 0; j < example.tokens(); ++j) {
          tokens += std::abs(i - j) < window;
          labelled += std::abs(i - j) < window && example.labels[i] != -100;
        }
    std::string suffix = "." + std::to_string(window);
    EXPECT_EQ(batch->symbol("token_pairs" + suffix), tokens) << window;
    EXPECT_EQ(batch->symbol("labelled_pairs" + suffix), labelled) << window;
  }
  EXPECT_EQ(batch->symbol("token_pairs.100"), batch->symbol("token_pairs"));
  for (const char *name : {"token_pairs.", "token_pairs.0", "token_pairs.-1", "token_pairs.3x",
                           "token_pairs3", "cross_pairs.3"})
    EXPECT_FALSE(batch->symbol(name)) << name;
}

TEST(Batch, SplitsByBothStreams) {
  std::vector<Example> examples;
  for (auto [source, target] : {std::pair(3, 1), {1, 4}, {2, 2}, {5, 1}, {1, 5}})
    examples.push_back(targetExample(Values(source, 5), Values(target, 3), 2));
  std::vector<const Example *> list = pointers(examples);
  std::vector<MicroBatch> parts;
  ASSERT_TRUE(splitMicroBatches(list, {6, 9, 0, 5}, LabelPlacement::Target, parts));
  std::vector<std::int64_t> begins;
  for (const MicroBatch &part : parts)
    begins.push_back(part.begin);
  EXPECT_EQ(begins, (std::vector<std::int64_t>{0, 2, 3, 4}));
  auto batch = Batch::make({6, 9, 0, 5}, {LabelPlacement::Target, 0});
  for (const MicroBatch &part : parts)
    EXPECT_TRUE(batch->pack(std::span(list).subspan(part.begin, part.end - part.begin), 0));
  EXPECT_NE(batch->pack(std::span(list).first(3), 0).message().find("7 target tokens"),
            std::string::npos);
  EXPECT_EQ(splitMicroBatches(list, {6, 9, 0, 4}, LabelPlacement::Target, parts).message(),
            "the example of line 2 needs 5 target tokens, but the artifact was compiled for at "
            "most 4 in one micro-batch; compile with a larger --max_tokens or a smaller "
            "--max_target_length");
}

TEST(Batch, LastRowsPassOverThePaddingToken) {
  std::vector<Example> examples = {tokenExample({9, 2, 7, 2, 2}, {0, -100, -100, -100, -100}),
                                   tokenExample({2, 2}, {0, 0}), tokenExample({2, 5}, {0, 0})};
  auto batch = Batch::make({16, 4, 8}, {LabelPlacement::Token, 0, 2});
  ASSERT_TRUE(batch);
  ASSERT_TRUE(batch->pack(pointers(examples), 0));
  // A sequence of nothing else: its first token, as transformers' argmax of zeros.
  EXPECT_EQ(values(*batch, "last_rows"), (Values{2, 5, 8}));
  EXPECT_EQ(values(*batch, "last_positions"), (Values{2, 0, 1}));
  EXPECT_EQ(batch->arrayCapacity("last_rows"), 4);
}

TEST(Batch, PacksTokenLabelsByName) {
  std::vector<Example> examples = {
      tokenExample({101, 7, 7, 102}, {-100, 3, -100, -100}),
      tokenExample({101, 9, 102}, {-100, 0, -100}),
  };
  examples[1].typeIds = {0, 1, 1};
  auto batch = Batch::make({16, 4, 8}, {LabelPlacement::Token, 2});
  ASSERT_TRUE(batch);
  ASSERT_TRUE(batch->pack(pointers(examples), 5));
  EXPECT_EQ(values(*batch, "input_ids"), (Values{101, 7, 7, 102, 101, 9, 102}));
  EXPECT_EQ(values(*batch, "token_type_ids"), (Values{0, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(values(*batch, "position_ids"), (Values{2, 3, 4, 5, 2, 3, 4}));
  EXPECT_EQ(values(*batch, "cu_seqlens"), (Values{0, 4, 7}));
  EXPECT_EQ(values(*batch, "token_sequence"), (Values{5, 5, 5, 5, 6, 6, 6}));
  EXPECT_EQ(values(*batch, "token_position"), (Values{0, 1, 2, 3, 0, 1, 2}));
  EXPECT_EQ(values(*batch, "sequence_id"), (Values{5, 6}));
  EXPECT_EQ(values(*batch, "first_rows"), (Values{0, 4}));
  EXPECT_EQ(values(*batch, "zero_positions"), (Values{0, 0}));
  EXPECT_EQ(values(*batch, "last_rows"), (Values{3, 6}));
  EXPECT_EQ(values(*batch, "last_positions"), (Values{3, 2}));
  EXPECT_EQ(values(*batch, "labels"), (Values{3, 0}));
  EXPECT_EQ(values(*batch, "labelled_rows"), (Values{1, 5}));
  EXPECT_EQ(values(*batch, "labelled_sequence"), (Values{5, 6}));
  EXPECT_EQ(values(*batch, "labelled_position"), (Values{1, 1}));
  EXPECT_EQ(values(*batch, "input_ids.order"), (Values{1, 2, 5, 0, 4, 3, 6}));
  EXPECT_EQ(values(*batch, "input_ids.segments"), (Values{0, 2, 3, 5, 7}));
  EXPECT_EQ(values(*batch, "input_ids.rows"), (Values{7, 9, 101, 102}));
  EXPECT_EQ(values(*batch, "token_type_ids.order"), (Values{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values(*batch, "token_type_ids.segments"), (Values{0, 5, 7}));
  EXPECT_EQ(values(*batch, "position_ids.rows"), (Values{2, 3, 4, 5}));
  EXPECT_EQ(batch->symbol("tokens"), 7);
  EXPECT_EQ(batch->symbol("sequences"), 2);
  EXPECT_EQ(batch->symbol("labelled"), 2);
  EXPECT_EQ(batch->symbol("input_ids.unique"), 4);
  EXPECT_EQ(batch->symbol("token_type_ids.unique"), 2);
  EXPECT_EQ(batch->symbol("position_ids.unique"), 4);
  EXPECT_FALSE(batch->symbol("heads"));
  EXPECT_FALSE(batch->array("logits"));
  EXPECT_EQ(batch->labelledOutput(1).example, 6);
  EXPECT_EQ(batch->labelledOutput(1).token, 1);
  EXPECT_EQ(batch->tokenOutput(3).example, 5);
  EXPECT_EQ(batch->tokenOutput(3).token, 3);
}

TEST(Batch, SequenceLabelsAndIgnoredOnes) {
  std::vector<Example> examples = {tokenExample({1, 2}, {4}), tokenExample({3}, {-100})};
  auto batch = Batch::make({8, 4, 0}, {LabelPlacement::Sequence, 0});
  ASSERT_TRUE(batch);
  ASSERT_TRUE(batch->pack(pointers(examples), 0));
  EXPECT_EQ(values(*batch, "labels"), (Values{4, -100}));
  EXPECT_EQ(batch->symbol("labelled"), 2);
  EXPECT_EQ(batch->countedLabels(), 1);
  EXPECT_EQ(countLabels(pointers(examples)), 1);
  EXPECT_FALSE(batch->array("labelled_rows"));
  EXPECT_EQ(batch->labelledOutput(1).token, -1);
}

TEST(Batch, SortIsStableForLargeRandomIds) {
  std::mt19937_64 random(7);
  auto batch = Batch::make({5000, 64, 0}, {LabelPlacement::Sequence, 0});
  ASSERT_TRUE(batch);
  for (int largest : {1, 2000, 2048, 50265, 5000000, 2147483647}) {
    std::vector<Example> examples;
    for (int s = 0; s < 40; ++s) {
      Values ids(1 + random() % 120);
      for (std::int32_t &id : ids)
        id = static_cast<std::int32_t>(random() % (static_cast<unsigned>(largest)));
      examples.push_back(tokenExample(ids, {0}));
    }
    ASSERT_TRUE(batch->pack(pointers(examples), 0));
    Values ids = values(*batch, "input_ids"), expected(ids.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = static_cast<std::int32_t>(i);
    std::sort(expected.begin(), expected.end(), [&](std::int32_t a, std::int32_t b) {
      return std::pair(ids[a], a) < std::pair(ids[b], b);
    });
    EXPECT_EQ(values(*batch, "input_ids.order"), expected);
    Values rows = values(*batch, "input_ids.rows");
    Values segments = values(*batch, "input_ids.segments");
    ASSERT_EQ(segments.size(), rows.size() + 1);
    for (std::size_t u = 0; u < rows.size(); ++u)
      for (std::int32_t at = segments[u]; at < segments[u + 1]; ++at)
        ASSERT_EQ(ids[expected[at]], rows[u]);
    EXPECT_EQ(segments.back(), static_cast<std::int32_t>(ids.size()));
  }
}

TEST(Batch, SteadyStepAllocatesNothing) {
  std::vector<Example> examples;
  for (int s = 0; s < 8; ++s)
    examples.push_back(tokenExample(Values(10 + s, 40000 + s), Values(10 + s, 1)));
  std::vector<const Example *> list = pointers(examples);
  auto batch = Batch::make({64, 4, 64}, {LabelPlacement::Token, 0});
  ASSERT_TRUE(batch);
  std::vector<MicroBatch> parts;
  ASSERT_TRUE(splitMicroBatches(list, batch->capacity(), LabelPlacement::Token, parts));
  long before = allocations;
  for (int step = 0; step < 10; ++step) {
    ASSERT_TRUE(splitMicroBatches(list, batch->capacity(), LabelPlacement::Token, parts));
    for (const MicroBatch &part : parts)
      ASSERT_TRUE(batch->pack(
          std::span(list).subspan(part.begin, part.end - part.begin), part.begin));
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST(Batch, RefusesWhatDoesNotFit) {
  std::vector<Example> examples = {tokenExample({1, 2, 3}, {0, 0, -100})};
  std::vector<const Example *> list = pointers(examples);
  auto message = [&](BatchCapacity capacity) {
    auto batch = Batch::make(capacity, {LabelPlacement::Token, 0});
    return batch ? batch->pack(list, 0).message() : batch.status().message();
  };
  EXPECT_EQ(message({3, 1, 2}), "");
  EXPECT_NE(message({2, 1, 2}).find("exceeds the capacity"), std::string::npos);
  EXPECT_NE(message({3, 1, 1}).find("exceeds the capacity"), std::string::npos);
  EXPECT_NE(message({0, 1, 1}).find("expected batch capacities"), std::string::npos);
  EXPECT_NE(message({std::int64_t{1} << 40, 1, 1}).find("expected batch"), std::string::npos);
  examples[0].typeIds.pop_back();
  EXPECT_NE(message({3, 1, 2}).find("token types"), std::string::npos);
  examples[0] = Example();
  EXPECT_NE(message({3, 1, 2}).find("no token"), std::string::npos);
}

TEST(Batch, SplitsGreedilyInOrder) {
  std::vector<Example> examples;
  for (int length : {3, 3, 2, 8, 1, 1, 1})
    examples.push_back(tokenExample(Values(length, 5), Values(length, 0)));
  std::vector<const Example *> list = pointers(examples);
  std::vector<MicroBatch> parts;
  auto split = [&](BatchCapacity capacity) {
    Status status = splitMicroBatches(list, capacity, LabelPlacement::Token, parts);
    std::vector<std::pair<std::int64_t, std::int64_t>> result;
    for (const MicroBatch &part : parts)
      result.emplace_back(part.begin, part.end);
    return status ? result : decltype(result){{-1, -1}};
  };
  using Parts = std::vector<std::pair<std::int64_t, std::int64_t>>;
  EXPECT_EQ(split({8, 99, 99}), (Parts{{0, 3}, {3, 4}, {4, 7}}));
  EXPECT_EQ(split({100, 2, 99}), (Parts{{0, 2}, {2, 4}, {4, 6}, {6, 7}}));
  EXPECT_EQ(split({100, 99, 8}), (Parts{{0, 3}, {3, 4}, {4, 7}}));
  EXPECT_EQ(split({7, 99, 99}), (Parts{{-1, -1}}));
  EXPECT_EQ(split({8, 99, 7}), (Parts{{-1, -1}}));
  Status status = splitMicroBatches(list, {7, 9, 9}, LabelPlacement::Token, parts);
  EXPECT_NE(status.message().find("line 2 needs 8 tokens"), std::string::npos)
      << status.message();
  list.clear();
  EXPECT_EQ(split({8, 1, 1}), Parts{});
}

} // namespace
} // namespace ftc::rt
