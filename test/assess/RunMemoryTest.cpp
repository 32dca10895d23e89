// What a run's process holds beside its plan: each term against a sum by hand, alone.
#include "assess/RunMemory.h"
#include "test/runtime/tasks/FakeTokenizer.h"

#include <gtest/gtest.h>

using namespace ftc;
using namespace ftc::assess;

namespace {

constexpr std::int64_t kRowOfFile = 96; // figures and places in orders

/// `tokens` tokens of a text with one label; ids alone are held.
rt::Example example(std::size_t tokens) {
  rt::Example out;
  out.ids.resize(tokens);
  return out;
}

/// A chunk of malloc on 64 bits: 8 bytes of its own, a multiple of 16, at least 32.
TEST(RunMemory, AnExampleTakesMallocsChunks) {
  const auto itself = static_cast<std::int64_t>(sizeof(rt::Example));
  EXPECT_EQ(exampleBytes({}, true), itself);                // empty vectors take none
  EXPECT_EQ(exampleBytes(example(1), false), itself + 32);  // 4 + 8 bytes: the least
  EXPECT_EQ(exampleBytes(example(6), false), itself + 32);  // 24 + 8
  EXPECT_EQ(exampleBytes(example(7), false), itself + 48);  // 28 + 8
  EXPECT_EQ(exampleBytes(example(10), false), itself + 48); // 40 + 8
  EXPECT_EQ(exampleBytes(example(11), false), itself + 64); // 44 + 8
}

TEST(RunMemory, AnExampleHasEachOfItsVectors) {
  const auto itself = static_cast<std::int64_t>(sizeof(rt::Example));
  rt::Example all = example(20); // 80 + 8 bytes: 96
  all.typeIds.resize(20);        // 96
  all.labels.resize(1);          // 32
  all.targetIds.resize(12);      // 48 + 8: 64
  all.targets.resize(30);        // 120 + 8: 128
  all.wordIds.resize(20);        // 96
  std::int64_t trained = itself + 96 + 96 + 32 + 64 + 128 + 96;
  EXPECT_EQ(exampleBytes(all, false), trained);
  EXPECT_EQ(exampleBytes(all, true), trained); // no offsets: nothing that evaluation alone has
  all.offsets.resize(20);                      // pairs: 160 + 8: 176
  EXPECT_EQ(exampleBytes(all, false), trained);
  EXPECT_EQ(exampleBytes(all, true), trained + 176);
}

struct RunMemoryTest : testing::Test {
  RunMemory of(const FileOfRun &train, const FileOfRun &evaluation = {}) const {
    return memoryBesidePlan(session, artifact, train, evaluation, questions);
  }
  /// The program's part: nothing else is there.
  std::int64_t least() const { return of({}).program; }

  rt::Session session;
  std::int64_t artifact = 0;
  rt::QuestionSettings questions;
};

TEST_F(RunMemoryTest, TheProgramHasItsArtifactAndItsVocabulary) {
  std::int64_t code = least();
  EXPECT_EQ(code, 13900 * 1024);
  artifact = 1'000'000;
  EXPECT_EQ(least(), code + 1'000'000);
  session.tokenizer = std::make_unique<rt::FakeTokenizer>(); // of 1,024 entries
  EXPECT_EQ(least(), code + 1'000'000 + 120 * 1024);
  RunMemory none = of({});
  EXPECT_EQ(none.texts + none.examples + none.evaluated, 0);
  EXPECT_EQ(none.beside(), none.program);
}

TEST_F(RunMemoryTest, FilesHaveTheirTablesAndTheirRows) {
  rt::DataTable train = rt::tableOf("t.csv", "text,label\nlo un zo,a\nmi fo,b\n"),
                judged = rt::tableOf("v.csv", "text,label\nxi ka,b\n");
  EXPECT_GT(train.bytes(), judged.bytes());
  EXPECT_EQ(of({&train, 2}).texts, train.bytes() + 2 * kRowOfFile);
  EXPECT_EQ(of({&train, 2}, {&judged, 1}).texts,
            train.bytes() + judged.bytes() + 3 * kRowOfFile);
  // Parts of one file share its table.
  EXPECT_EQ(of({&train, 1}, {&train, 1}).texts, train.bytes() + 2 * kRowOfFile);
  EXPECT_EQ(of({}, {&judged, 1}).texts, judged.bytes() + kRowOfFile);
  EXPECT_EQ(of({&train, 1}).texts, train.bytes() + kRowOfFile); // one is left out, not its text
}

TEST_F(RunMemoryTest, SomeRowsStandForAll) {
  std::vector<rt::Example> some{example(20), example(30)}; // 96 and 128
  const auto itself = static_cast<std::int64_t>(sizeof(rt::Example));
  std::int64_t two = 2 * itself + 96 + 128;
  EXPECT_EQ(of({nullptr, 2, some, 2}).examples, two);
  EXPECT_EQ(of({nullptr, 300, some, 2}).examples, 150 * two);
  // Windows of one row: the rows count, not the examples.
  EXPECT_EQ(of({nullptr, 300, some, 1}).examples, 300 * two);
  EXPECT_EQ(of({nullptr, 300, {}, 0}).examples, 0);
  some[0].offsets.resize(20); // 176, of an evaluation alone
  EXPECT_EQ(of({nullptr, 2, some, 2}).examples, two);
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).examples, two + 176);
  EXPECT_EQ(of({nullptr, 2, some, 2}, {nullptr, 4, some, 2}).examples, two + 2 * (two + 176));
}

TEST_F(RunMemoryTest, AnEvaluationHasLogitsOfEachLabelledRow) {
  std::vector<rt::Example> some{example(20), example(30)};
  for (rt::Example &one : some)
    one.labels = {0};
  // Training gives nothing that is kept.
  EXPECT_EQ(of({nullptr, 2, some, 2}).evaluated, 0);
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).evaluated, 2 * 4); // a value each
  session.labels = rt::LabelSet({"a", "b", "c"});
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).evaluated, 2 * 3 * 4);
  EXPECT_EQ(of({}, {nullptr, 10, some, 2}).evaluated, 10 * 3 * 4);
  session.layout.placement = rt::LabelPlacement::Token;
  some[0].labels.assign(20, rt::kIgnoredLabel);
  some[0].labels[3] = some[0].labels[4] = 1;
  some[1].labels.assign(30, 2);
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).evaluated, (2 + 30) * 3 * 4);
}

TEST_F(RunMemoryTest, AnswersHaveBothEndsOfEachTokenAndTheirBest) {
  session.layout.placement = rt::LabelPlacement::Span;
  questions.nBestSize = 20;
  std::vector<rt::Example> some{example(20), example(30)};
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).evaluated, 50 * 2 * 4 + 2 * 20 * 250 * 2);
  EXPECT_EQ(of({}, {nullptr, 6, some, 2}).evaluated, 150 * 2 * 4 + 6 * 20 * 250 * 2);
  questions.nBestSize = 1;
  EXPECT_EQ(of({}, {nullptr, 2, some, 2}).evaluated, 50 * 2 * 4 + 2 * 250 * 2);
}

TEST_F(RunMemoryTest, MoreOfAnythingIsNoLess) {
  rt::DataTable table = rt::tableOf("t.csv", "text,label\nlo un zo,a\nmi fo,b\n");
  session.labels = rt::LabelSet({"a", "b", "c"});
  std::vector<rt::Example> some{example(20), example(30)};
  for (rt::LabelPlacement placement :
       {rt::LabelPlacement::Sequence, rt::LabelPlacement::Span}) {
    session.layout.placement = placement;
    std::int64_t before = 0;
    for (std::int64_t rows : {0, 1, 2, 3, 50, 1'000, 1'000'000}) {
      RunMemory now = of({&table, rows, some, 2}, {&table, rows / 2, some, 2});
      EXPECT_EQ(now.beside(), now.program + now.texts + now.examples + now.evaluated);
      EXPECT_GT(now.beside(), before) << rows;
      before = now.beside();
    }
    std::int64_t shorter = of({}, {&table, 50, {some.data(), 1}, 1}).beside();
    EXPECT_LT(shorter, of({}, {&table, 50, {some.data() + 1, 1}, 1}).beside());
  }
}

} // namespace
