// Rows are given out in the order of first use and stay where they are, also after a restore;
// what is not a list of distinct ids is refused.
#include "runtime/train/TouchedRows.h"

#include "runtime/artifact/CompactRows.h"
#include "runtime/devices/CpuDevice.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

namespace ftc::rt {
namespace {

using test::ArtifactBuilder;
using test::expr;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kVocabulary = 6;

/// Tables that are in memory.
DemandedRows whole;

/// A program that shows what it was given: `slots`, and an output of `touched` elements.
std::unique_ptr<Executor> makeExecutor(bool compact = true) {
  ArtifactBuilder builder;
  auto program = ArtifactBuilder::program(builder.variant(), "show", 0);
  if (compact) {
    auto touched = builder.symbol(std::string(kTouched), kVocabulary);
    auto given = program.buffer(abi::Segment::Input, abi::DType::I32, 0, expr(kVocabulary),
                                std::string(kTouchedSlots));
    auto shown =
        program.buffer(abi::Segment::Output, abi::DType::I32, 0, expr(kVocabulary), "slots");
    auto rows =
        program.buffer(abi::Segment::Output, abi::DType::F32, 0, expr(0, {{touched}}), "rows");
    program.copy(given, shown);
    program.fill(rows);
  } else {
    program.fill(program.buffer(abi::Segment::Output, abi::DType::F32, 0, expr(1), "rows"));
  }
  auto artifact = builder.read();
  EXPECT_TRUE(artifact) << artifact.status().message();
  auto executor = Executor::create(*artifact, makeCpuDevice(1).take());
  EXPECT_TRUE(executor) << executor.status().message();
  return executor.take();
}

/// The slots that a program sees, by id.
Ids slotsOf(Executor &executor) {
  Status status = executor.run(executor.program("show"));
  EXPECT_TRUE(status) << status.message();
  auto slots = executor.outputI32(executor.output("slots"));
  return {slots.begin(), slots.end()};
}

std::size_t touchedOf(Executor &executor) {
  return executor.outputF32(executor.output("rows")).size();
}

Ids rowsOf(const TouchedRows &touched) {
  return {touched.rows().begin(), touched.rows().end()};
}

TEST(TouchedRows, GivesRowsInTheOrderOfFirstUse) {
  auto executor = makeExecutor();
  TouchedRows touched(*executor, whole);
  EXPECT_TRUE(touched);
  EXPECT_TRUE(touched.admit(Ids{4, 1, 4}));
  EXPECT_EQ(rowsOf(touched), (Ids{4, 1}));
  EXPECT_EQ(slotsOf(*executor), (Ids{-1, 1, -1, -1, 0, -1}));
  EXPECT_EQ(touchedOf(*executor), 2u);
  EXPECT_TRUE(touched.admit(Ids{1, 0, 4}));
  EXPECT_EQ(slotsOf(*executor), (Ids{2, 1, -1, -1, 0, -1}));
  EXPECT_TRUE(touched.admit(Ids{4, 0}));
  EXPECT_EQ(rowsOf(touched), (Ids{4, 1, 0}));
  EXPECT_EQ(slotsOf(*executor), (Ids{2, 1, -1, -1, 0, -1}));
  EXPECT_EQ(touchedOf(*executor), 3u);
}

TEST(TouchedRows, TakesTheWholeVocabulary) {
  auto executor = makeExecutor();
  TouchedRows touched(*executor, whole);
  const std::int32_t *before = touched.rows().data();
  EXPECT_TRUE(touched.admit(Ids{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(slotsOf(*executor), (Ids{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(touchedOf(*executor), 6u);
  EXPECT_EQ(touched.rows().data(), before) << "admitting allocated";
}

TEST(TouchedRows, ABatchWithoutIdsIsKnownToTheProgram) {
  auto executor = makeExecutor();
  TouchedRows touched(*executor, whole);
  EXPECT_FALSE(executor->run(executor->program("show"))) << "nothing was set";
  EXPECT_TRUE(touched.admit({}));
  EXPECT_EQ(slotsOf(*executor), Ids(kVocabulary, -1));
  EXPECT_EQ(touchedOf(*executor), 0u);
}

TEST(TouchedRows, GoesOnAfterARestore) {
  auto first = makeExecutor(), second = makeExecutor();
  TouchedRows straight(*first, whole), resumed(*second, whole);
  EXPECT_TRUE(straight.admit(Ids{3, 5}));
  Ids saved = rowsOf(straight);
  EXPECT_TRUE(resumed.restore(saved));
  EXPECT_EQ(slotsOf(*second), (Ids{-1, -1, -1, 0, -1, 1}));
  EXPECT_EQ(touchedOf(*second), 2u);
  for (TouchedRows *touched : {&straight, &resumed})
    EXPECT_TRUE(touched->admit(Ids{5, 0, 2}));
  EXPECT_EQ(rowsOf(resumed), (Ids{3, 5, 0, 2}));
  EXPECT_EQ(rowsOf(resumed), rowsOf(straight));
  EXPECT_EQ(slotsOf(*second), slotsOf(*first));
}

TEST(TouchedRows, RestoresNothing) {
  auto executor = makeExecutor();
  TouchedRows touched(*executor, whole);
  EXPECT_TRUE(touched.restore({}));
  EXPECT_EQ(slotsOf(*executor), Ids(kVocabulary, -1));
}

TEST(TouchedRows, RefusesWhatIsNoListOfDistinctIds) {
  const std::pair<Ids, const char *> cases[] = {
      {{1, 6}, "expected distinct token ids below 6, got 6"},
      {{-1}, "expected distinct token ids below 6, got -1"},
      {{0, 2, 0}, "expected distinct token ids below 6, got 0 twice"}};
  for (const auto &[ids, message] : cases) {
    auto executor = makeExecutor();
    TouchedRows touched(*executor, whole);
    EXPECT_EQ(touched.restore(ids).message(), message);
  }
}

TEST(TouchedRows, DoesNothingWithoutCompactRows) {
  auto executor = makeExecutor(false);
  TouchedRows without(*executor, whole), empty;
  for (TouchedRows *touched : {&without, &empty}) {
    EXPECT_FALSE(*touched);
    EXPECT_TRUE(touched->admit(Ids{1, 2}));
    EXPECT_TRUE(touched->rows().empty());
  }
}

} // namespace
} // namespace ftc::rt
