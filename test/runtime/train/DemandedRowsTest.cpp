// Tables on demand: which rows are in memory, what is stored of the others, updates that they
// have missed, files that change.
#include "runtime/train/DemandedRows.h"

#include "runtime/artifact/CompactRows.h"
#include "runtime/devices/CpuDevice.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/train/TouchedRows.h"
#include "test/TemporaryDirectory.h"
#include "test/support/PlanBuilder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/mman.h>

namespace ftc::rt {
namespace {

using test::ArtifactBuilder;
using test::expr;
using Ids = std::vector<std::int32_t>;

// 2.4 MB: more than one large page.
constexpr std::int64_t kRows = 2048, kWidth = 300;

float original(std::int64_t element) {
  return static_cast<float>(element % 7919) * 0.37f - 1000.0f;
}

struct DemandedRowsTest : testing::Test {
  ftc::test::TemporaryDirectory directory;

  /// A file with the table, each value times `scale`.
  std::shared_ptr<Checkpoint> source(const std::string &name, float scale = 1) {
    std::vector<float> values(kRows * kWidth);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = scale * original(static_cast<std::int64_t>(i));
    TensorSource tensor{"table", DType::F32, {kRows, kWidth}, values.data(), {}};
    std::string path = directory.file(name + ".safetensors");
    EXPECT_TRUE(saveSafeTensors(path, {&tensor, 1}));
    auto opened = Checkpoint::open(path);
    EXPECT_TRUE(opened) << opened.status().message();
    return std::make_shared<Checkpoint>(opened.take());
  }

  /// An executor of one table, with slots.
  static std::unique_ptr<Executor> makeExecutor(bool onDemand = true) {
    ArtifactBuilder builder;
    builder.parameter("table", {kRows, kWidth}, true);
    abi::VariantT &variant = builder.variant();
    builder.storage(variant, 0, 0, kRows * kWidth);
    variant.storage.back()->on_demand = onDemand;
    variant.params_elements = variant.trainable_elements = kRows * kWidth;
    builder.symbol(std::string(kTouched), kRows);
    auto program = ArtifactBuilder::program(variant, "show", 0);
    auto given = program.buffer(abi::Segment::Input, abi::DType::I32, 0, expr(kRows),
                                std::string(kTouchedSlots));
    auto shown = program.buffer(abi::Segment::Output, abi::DType::I32, 0, expr(kRows), "slots");
    program.copy(given, shown);
    auto artifact = builder.read();
    EXPECT_TRUE(artifact) << artifact.status().message();
    auto executor = Executor::create(*artifact, makeCpuDevice(1).take());
    EXPECT_TRUE(executor) << executor.status().message();
    return executor.take();
  }

  static std::span<const float> rowOf(Executor &executor, std::int64_t row) {
    return executor.parameterInPlace(0).subspan(static_cast<std::size_t>(row * kWidth), kWidth);
  }

  static void expectRow(std::span<const float> row, std::int64_t index, float scale,
                        const std::vector<float> &keeps = {}) {
    for (std::int64_t i = 0; i < kWidth; ++i) {
      float expected = scale * original(index * kWidth + i);
      for (float keep : keeps)
        expected *= keep;
      ASSERT_EQ(row[static_cast<std::size_t>(i)], expected) << "row " << index << ", " << i;
    }
  }

  /// Pages of the table that are in memory, in bytes.
  static std::int64_t residentBytes(Executor &executor) {
    std::span<float> values = executor.parameterInPlace(0);
    std::vector<unsigned char> pages((values.size_bytes() + 4095) / 4096);
    EXPECT_EQ(mincore(values.data(), values.size_bytes(), pages.data()), 0);
    std::int64_t bytes = 0;
    for (unsigned char page : pages)
      bytes += (page & 1) * 4096;
    return bytes;
  }
};

TEST_F(DemandedRowsTest, ReadsTheRowsThatAreNamedAndNoOthers) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  ASSERT_TRUE(demanded.has(0));
  auto file = source("model");
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  EXPECT_TRUE(demanded.anyAbsent());
  std::int64_t pages = kRows * kWidth * 4 / 4096 * 4096;
  EXPECT_EQ(demanded.absentBytes(), pages);
  EXPECT_EQ(residentBytes(*executor), 0);
  ASSERT_TRUE(demanded.admit(Ids{5, 2047, 5, 900}));
  EXPECT_EQ(demanded.rowsRead(), 3);
  for (int row : {5, 900, 2047}) {
    EXPECT_FALSE(demanded.isAbsent(row));
    expectRow(rowOf(*executor, row), row, 1);
  }
  EXPECT_TRUE(demanded.isAbsent(6));
  // What is said to be absent is what the system says: the table begins at a page's start.
  EXPECT_EQ(demanded.absentBytes(), pages - residentBytes(*executor));
  EXPECT_LE(residentBytes(*executor), 3 * 2 * 4096);
}

TEST_F(DemandedRowsTest, StoresAbsentRowsFromTheFileAndOthersFromMemory) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto file = source("model");
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  ASSERT_TRUE(demanded.admit(Ids{1, 3}));
  executor->parameterInPlace(0)[kWidth + 7] = 42; // an update
  std::vector<float> values(4 * kWidth);
  // From the middle of row 0 to the middle of row 4.
  ASSERT_TRUE(demanded.storeRange(0, kWidth / 2, values));
  for (std::int64_t i = 0; i < 4 * kWidth; ++i) {
    std::int64_t element = kWidth / 2 + i;
    ASSERT_EQ(values[static_cast<std::size_t>(i)],
              element == kWidth + 7 ? 42 : original(element));
  }
}

TEST_F(DemandedRowsTest, UpdatesThatWereMissedAreMadeInTheirOrder) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto file = source("model");
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  std::vector<float> keeps = {0.99f, 0.5f, 0.7777f};
  for (float keep :
       {0.99f, 1.0f, 0.5f, 0.7777f, 1.5f}) // 1 and more: the kernel leaves them out
    demanded.decay(keep);
  ASSERT_TRUE(demanded.admit(Ids{77}));
  expectRow(rowOf(*executor, 77), 77, 1, keeps);
  demanded.decay(0.25f); // row 77 is the kernel's now
  std::vector<float> values(2 * kWidth);
  ASSERT_TRUE(demanded.storeRange(0, 77 * kWidth, values));
  expectRow({values.data(), kWidth}, 77, 1, keeps);
  keeps.push_back(0.25f);
  expectRow({values.data() + kWidth, kWidth}, 78, 1, keeps);
}

TEST_F(DemandedRowsTest, AnotherModelReplacesWhatIsThere) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto first = source("first"), second = source("second", 2);
  ASSERT_TRUE(demanded.readFrom(0, first, *first->find("table")));
  ASSERT_TRUE(demanded.admit(Ids{9}));
  demanded.decay(0.5f);
  ASSERT_TRUE(demanded.readFrom(0, second, *second->find("table")));
  expectRow(rowOf(*executor, 9), 9, 2);
  ASSERT_TRUE(demanded.admit(Ids{10}));
  expectRow(rowOf(*executor, 10), 10, 2);
}

TEST_F(DemandedRowsTest, AFileThatIsWrittenToMeanwhileIsAnError) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto file = source("model");
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  ASSERT_TRUE(demanded.admit(Ids{1}));
  std::filesystem::resize_file(directory.file("model.safetensors"), kRows * kWidth * 4 + 1000);
  Status status = demanded.admit(Ids{2});
  EXPECT_NE(status.message().find("written to after it was opened"), std::string::npos)
      << status.message();
  EXPECT_TRUE(demanded.admit(Ids{1})) << "nothing is read";
}

TEST_F(DemandedRowsTest, AFileWithAnotherTimeAndTheSameBytesIsReadOn) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto file = source("model");
  ASSERT_TRUE(file->sha256(0)); // as loading does
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  std::string path = directory.file("model.safetensors");
  auto later = std::filesystem::last_write_time(path) + std::chrono::seconds(5);
  std::filesystem::last_write_time(path, later);
  EXPECT_TRUE(demanded.admit(Ids{2}));
  expectRow(rowOf(*executor, 2), 2, 1);
  std::fstream(path, std::ios::in | std::ios::out).seekp(2000).put('x');
  std::filesystem::last_write_time(path, later + std::chrono::seconds(5));
  EXPECT_FALSE(demanded.admit(Ids{3}));
}

TEST_F(DemandedRowsTest, ProgramsAreToldWhichRowsAreAbsent) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  auto file = source("model");
  ASSERT_TRUE(demanded.readFrom(0, file, *file->find("table")));
  TouchedRows touched(*executor, demanded);
  ASSERT_TRUE(demanded.admit(Ids{4}));
  ASSERT_TRUE(touched.admit(Ids{4}));
  auto slots = [&] {
    Status status = executor->run(executor->program("show"));
    EXPECT_TRUE(status) << status.message();
    auto all = executor->outputI32(executor->output("slots"));
    return Ids(all.begin(), all.begin() + 6);
  };
  EXPECT_EQ(slots(), (Ids{-2, -2, -2, -2, 0, -2}));
  ASSERT_TRUE(demanded.admit(Ids{1})); // as an evaluation does
  ASSERT_TRUE(touched.admit(Ids{4}));
  EXPECT_EQ(slots(), (Ids{-2, -1, -2, -2, 0, -2}));
  ASSERT_TRUE(demanded.admit(Ids{1, 0}));
  ASSERT_TRUE(touched.admit(Ids{1, 0}));
  EXPECT_EQ(slots(), (Ids{2, 1, -2, -2, 0, -2}));
}

TEST_F(DemandedRowsTest, ATableOfNoFileIsWhole) {
  auto executor = makeExecutor();
  DemandedRows demanded(*executor);
  EXPECT_FALSE(demanded.anyAbsent());
  EXPECT_TRUE(demanded.admit(Ids{1}));
  EXPECT_EQ(demanded.absentBytes(), 0);
  auto other = makeExecutor(false);
  EXPECT_FALSE(DemandedRows(*other).has(0));
}

TEST(BytesNeverRead, CountsWholePagesWithoutARow) {
  auto bytes = [](std::int64_t begin, std::int64_t rows, std::int64_t width, Ids present) {
    return bytesNeverRead(begin, rows, width, [&](std::int64_t row) {
      return std::find(present.begin(), present.end(), row) != present.end();
    });
  };
  EXPECT_EQ(bytes(0, 8, 4096, {}), 8 * 4096);
  EXPECT_EQ(bytes(0, 8, 4096, {3, 7}), 6 * 4096);
  EXPECT_EQ(bytes(64, 8, 4096, {}), 7 * 4096);  // the first page is another's too
  EXPECT_EQ(bytes(64, 8, 4096, {0}), 6 * 4096); // a row of two pages
  EXPECT_EQ(bytes(0, 8, 1024, {4}), 4096);      // four rows a page
  EXPECT_EQ(bytes(0, 8, 1024, {0, 3}), 4096);
  EXPECT_EQ(bytes(0, 8, 1024, {0, 7}), 0);
  EXPECT_EQ(bytes(100, 3, 1000, {}), 0); // no whole page
}

} // namespace
} // namespace ftc::rt
