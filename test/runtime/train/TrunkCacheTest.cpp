// The trunk runs for examples that are new, what it gave for the others is joined in a batch's
// order; a full disk or no memory for the mapping ends the keeping, not the run.
#include "runtime/train/TrunkCache.h"

#include "runtime/devices/CpuDevice.h"
#include "test/TemporaryDirectory.h"
#include "test/support/PlanBuilder.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ftc::rt {
namespace {

using test::ArtifactBuilder;
using test::expr;
using Floats = std::vector<float>;

constexpr BatchCapacity kCapacity{16, 4, 16, 0};
constexpr std::int64_t kPooledWidth = 3;
enum Symbols : std::uint32_t { Tokens, Sequences, Unique };

/// What one output of the trunk is; the ones here pass for rows of tokens.
struct Shape {
  std::int64_t constant = 0;
  std::uint32_t symbol = Tokens;
  std::int64_t coefficient = 2;
  std::uint32_t divisor = 1;
  abi::DType dtype = abi::DType::F32;
};

/// `trunk`: trunk.0 = 2 x of tokens' rows, trunk.1 = 2 y of sequences' rows; each run counts
/// one FLOP. `train_accumulate` shows as seen.0 and seen.1 what it is given for them.
Result<std::shared_ptr<const ArtifactReader>> artifactOf(const Shape &shape) {
  ArtifactBuilder builder;
  for (auto [name, capacity] : {std::pair("tokens", kCapacity.tokens),
                                {"sequences", kCapacity.sequences},
                                {"input_ids.unique", kCapacity.tokens}})
    builder.symbol(name, capacity);
  builder.scalar("two", 2);
  auto rows = [&] {
    return expr(shape.constant, {{shape.symbol, shape.coefficient, shape.divisor}});
  };
  auto pooled = [] { return expr(0, {{Sequences, kPooledWidth}}); };
  auto trunk = ArtifactBuilder::program(builder.variant(), kTrunk, 0);
  auto x = trunk.buffer(abi::Segment::Input, shape.dtype, 0, rows(), "x");
  auto y = trunk.buffer(abi::Segment::Input, abi::DType::F32, 0, pooled(), "y");
  auto first = trunk.buffer(abi::Segment::Output, shape.dtype, 0, rows(), "trunk.0");
  auto second = trunk.buffer(abi::Segment::Output, abi::DType::F32, 0, pooled(), "trunk.1");
  trunk.launch("scale", {{x}, {first, true}}, {}, {0}, rows()).flops = expr(1);
  trunk.launch("scale", {{y}, {second, true}}, {}, {0}, pooled());
  auto train = ArtifactBuilder::program(builder.variant(), "train_accumulate", 0);
  for (auto [given, seen] : {std::pair("trunk.0", "seen.0"), {"trunk.1", "seen.1"}}) {
    bool wide = std::string_view(given) == "trunk.0";
    auto dtype = wide ? shape.dtype : abi::DType::F32;
    auto from = train.buffer(abi::Segment::Input, dtype, 0, wide ? rows() : pooled(), given);
    auto to = train.buffer(abi::Segment::Output, dtype, 0, wide ? rows() : pooled(), seen);
    train.copy(from, to);
  }
  return builder.read();
}

/// A cache over that artifact, and the examples that it is asked for.
class Fixture {
public:
  explicit Fixture(std::int64_t width = 2)
      : width(width), batch(Batch::make(kCapacity, {}).take()) {
    auto artifact = artifactOf({.coefficient = width});
    EXPECT_TRUE(artifact) << artifact.status().message();
    executor = Executor::create(*artifact, makeCpuDevice(1).take()).take();
    cache = TrunkCache::make(*executor, kCapacity).take();
  }

  /// An example of so many tokens; its rows are functions of `mark`.
  static Example example(int tokens, int mark) {
    Example made;
    made.ids.assign(static_cast<std::size_t>(tokens), mark);
    made.typeIds.assign(static_cast<std::size_t>(tokens), 0);
    made.labels = {0};
    return made;
  }

  /// Provides for `examples`; false when what the training program is given is not theirs. With
  /// `stale` the trunk's own inputs are another batch's: it may not run.
  void expectProvided(const std::vector<const Example *> &examples, bool stale = false) {
    ASSERT_TRUE(batch.pack(examples, 0));
    executor->set(executor->symbol("tokens"), batch.tokens());
    executor->set(executor->symbol("sequences"), batch.sequences());
    Floats x, y, wantedX, wantedY;
    for (const Example *one : examples) {
      auto mark = static_cast<float>(one->ids[0]);
      for (int token = 0; token < one->tokens(); ++token)
        for (std::int64_t k = 0; k < width; ++k)
          x.push_back(mark + static_cast<float>(token % 5) / 8);
      for (int k = 0; k < kPooledWidth; ++k)
        y.push_back(mark + 100 + static_cast<float>(k));
    }
    auto doubled = [](const Floats &values) {
      Floats twice;
      for (float value : values)
        twice.push_back(2 * value);
      return twice;
    };
    wantedX = doubled(x), wantedY = doubled(y);
    if (stale)
      x.assign(x.size(), -1), y.assign(y.size(), -1);
    ASSERT_TRUE(executor->setInput(executor->input("x"), std::span<const float>(x)));
    ASSERT_TRUE(executor->setInput(executor->input("y"), std::span<const float>(y)));
    Status provided = cache->provide(batch, examples);
    ASSERT_TRUE(provided) << provided.message();
    Status ran = executor->run(executor->program("train_accumulate"));
    ASSERT_TRUE(ran) << ran.message();
    auto seenX = executor->outputF32(executor->output("seen.0"));
    auto seenY = executor->outputF32(executor->output("seen.1"));
    EXPECT_TRUE(Floats(seenX.begin(), seenX.end()) == wantedX);
    EXPECT_EQ(Floats(seenY.begin(), seenY.end()), wantedY);
  }

  /// Runs of the trunk so far.
  double runs() const { return executor->flopsDone(); }

  std::int64_t width;
  Batch batch;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<TrunkCache> cache;
};

TEST(TrunkCache, ComputesEachTimeWithoutAFile) {
  Fixture fixture;
  Example a = Fixture::example(3, 1), b = Fixture::example(1, 2);
  for (int time = 1; time <= 3; ++time) {
    fixture.expectProvided({&a, &b});
    EXPECT_EQ(fixture.runs(), time);
  }
  EXPECT_EQ(fixture.cache->keptExamples(), 0);
  EXPECT_EQ(fixture.cache->keptBytes(), 0);
}

TEST(TrunkCache, JoinsWhatIsKeptInTheBatchsOrder) {
  Fixture fixture;
  ftc::test::TemporaryDirectory directory;
  ASSERT_TRUE(fixture.cache->keepIn(directory.path()));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "the file has a name";
  Example a = Fixture::example(3, 1), b = Fixture::example(1, 2), c = Fixture::example(7, 3);
  fixture.expectProvided({&a, &b});
  fixture.expectProvided({&c});
  EXPECT_EQ(fixture.runs(), 2);
  EXPECT_EQ(fixture.cache->keptExamples(), 3);
  for (const std::vector<const Example *> &order :
       {std::vector<const Example *>{&b, &a}, {&c, &b, &a}, {&a}, {&b, &c}, {&a, &a}})
    fixture.expectProvided(order, /*stale=*/true);
  EXPECT_EQ(fixture.runs(), 2);
  EXPECT_FALSE(fixture.cache->isFull());
}

TEST(TrunkCache, ComputesABatchWithANewExampleWhole) {
  Fixture fixture;
  ftc::test::TemporaryDirectory directory;
  ASSERT_TRUE(fixture.cache->keepIn(directory.path()));
  Example a = Fixture::example(3, 1), b = Fixture::example(2, 2), c = Fixture::example(4, 3);
  fixture.expectProvided({&a});
  fixture.expectProvided({&b, &a, &c});
  EXPECT_EQ(fixture.runs(), 2);
  EXPECT_EQ(fixture.cache->keptExamples(), 3);
  fixture.expectProvided({&c, &a, &b}, /*stale=*/true);
}

TEST(TrunkCache, KeepsFromTheMomentItIsAskedTo) {
  Fixture fixture;
  ftc::test::TemporaryDirectory directory;
  Example a = Fixture::example(3, 1);
  fixture.expectProvided({&a});
  ASSERT_TRUE(fixture.cache->keepIn(directory.path()));
  fixture.expectProvided({&a});
  EXPECT_EQ(fixture.runs(), 2);
  fixture.expectProvided({&a}, /*stale=*/true);
}

/// One token's rows take 64 KiB: sixteen fill the file's first chunk.
constexpr std::int64_t kWide = 16384;

/// Runs `body` while files of this process may not grow beyond `bytes`.
template <typename Body> void withFileLimit(rlim_t bytes, const Body &body) {
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{bytes, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  body();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
}

TEST(TrunkCache, GoesOnWithoutRoom) {
  Fixture fixture(kWide);
  ftc::test::TemporaryDirectory directory;
  Example a = Fixture::example(9, 1), b = Fixture::example(7, 2), c = Fixture::example(1, 3);
  withFileLimit(1 << 20, [&] {
    ASSERT_TRUE(fixture.cache->keepIn(directory.path()));
    fixture.expectProvided({&a});
    EXPECT_FALSE(fixture.cache->isFull());
    // Its rows of tokens fill the chunk to the end: its row of sequences finds no place, and
    // nothing of it counts as kept.
    fixture.expectProvided({&b});
    EXPECT_TRUE(fixture.cache->isFull());
    fixture.expectProvided({&c});
  });
  EXPECT_EQ(fixture.cache->keptExamples(), 1);
  EXPECT_EQ(fixture.cache->keptBytes(), 1 << 20);
  EXPECT_EQ(fixture.runs(), 3);
  fixture.expectProvided({&a}, /*stale=*/true);
  fixture.expectProvided({&c, &a});
  fixture.expectProvided({&b});
  EXPECT_EQ(fixture.runs(), 5) << "what was not kept is computed each time";
  EXPECT_EQ(fixture.cache->keptExamples(), 1) << "full is full";
}

/// Bytes of this process's address space.
rlim_t addressSpace() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

TEST(TrunkCache, GoesOnWithoutAddresses) {
  Fixture fixture(kWide);
  ftc::test::TemporaryDirectory directory;
  ASSERT_TRUE(fixture.cache->keepIn(directory.path()));
  Example a = Fixture::example(15, 1), b = Fixture::example(15, 2), c = Fixture::example(15, 3);
  fixture.expectProvided({&a});
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  rlimit small{addressSpace() + (512 << 10), before.rlim_max};
  setrlimit(RLIMIT_AS, &small);
  std::vector<const Example *> list{&b};
  bool packed(fixture.batch.pack(list, 0));
  Status provided = fixture.cache->provide(fixture.batch, list);
  setrlimit(RLIMIT_AS, &before);
  EXPECT_TRUE(packed);
  EXPECT_TRUE(provided) << provided.message();
  EXPECT_TRUE(fixture.cache->isFull());
  fixture.expectProvided({&c});
  fixture.expectProvided({&a}, /*stale=*/true);
  EXPECT_EQ(fixture.cache->keptExamples(), 1);
}

TEST(TrunkCache, NamesADirectoryThatTakesNoFile) {
  Fixture fixture;
  Status status = fixture.cache->keepIn("/nowhere/at all");
  EXPECT_NE(status.message().find("'/nowhere/at all'"), std::string::npos) << status.message();
  Example a = Fixture::example(3, 1);
  fixture.expectProvided({&a});
  fixture.expectProvided({&a});
  EXPECT_EQ(fixture.runs(), 2);
}

TEST(TrunkCache, IsNothingWhereTheProgramIsNotPrepared) {
  auto artifact = artifactOf({});
  ASSERT_TRUE(artifact) << artifact.status().message();
  ExecutorOptions options;
  options.programs = {"train_accumulate"};
  auto executor = Executor::create(*artifact, makeCpuDevice(1).take(), options);
  ASSERT_TRUE(executor) << executor.status().message();
  auto cache = TrunkCache::make(**executor, kCapacity);
  ASSERT_TRUE(cache);
  EXPECT_EQ(*cache, nullptr);
}

TEST(TrunkCache, RefusesOutputsThatAreNotRowsOfExamples) {
  const Shape wrong[] = {
      {.constant = 5}, {.symbol = Unique}, {.divisor = 2}, {.dtype = abi::DType::I32}};
  for (const Shape &shape : wrong) {
    auto artifact = artifactOf(shape);
    ASSERT_TRUE(artifact) << artifact.status().message();
    auto executor = Executor::create(*artifact, makeCpuDevice(1).take());
    ASSERT_TRUE(executor) << executor.status().message();
    auto cache = TrunkCache::make(**executor, kCapacity);
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.status().message(),
              "test.ftb: expected output 'trunk.0' of program 'trunk' to be rows of examples");
  }
}

} // namespace
} // namespace ftc::rt
