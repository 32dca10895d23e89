// Parallel text: lines, names of columns, and refusals with both counts.
#include "DataTest.h"

#include "runtime/data/ParallelText.h"

#include <fstream>

namespace ftc::rt {
namespace {

using Cells = std::vector<std::string>;

std::string parallelError(std::string source, std::string target) {
  Result<DataTable> table =
      parseParallelText("dir/a.en", std::move(source), "b.de", std::move(target));
  return table ? std::string() : table.status().message();
}

TEST(ParallelText, LinesAndColumns) {
  auto table = parseParallelText("dir/a.en", "\xef\xbb\xbfone\r\n\n \"x\ty\"\u2028z \nlast",
                                 "b.de", "eins\n\r\n,\nletzte\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"en", "de"}));
  ASSERT_EQ(table->rows(), 4);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"one", "eins"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"", ""}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{" \"x\ty\"\u2028z ", ","}));
  EXPECT_EQ(rowCells(*table, 3), (Cells{"last", "letzte"}));
  EXPECT_EQ(table->kind(1, 0), CellKind::Text);
  EXPECT_EQ(table->line(3), 4);
  EXPECT_EQ(table->where(3), "dir/a.en: line 4");
  EXPECT_EQ(table->whereCell(3, 0), "dir/a.en: line 4");
  EXPECT_EQ(table->whereCell(3, 1), "b.de: line 4");
  EXPECT_EQ(table->whereCell(3, 2), "dir/a.en: line 4");
  EXPECT_FALSE(table->untyped());
}

TEST(ParallelText, NamesOfColumns) {
  auto names = [](std::string_view source, std::string_view target) {
    ParallelColumns columns = parallelColumns(source, target);
    return columns.source + " " + columns.target;
  };
  EXPECT_EQ(names("train.en-sv.en", "x/train.en-sv.sv"), "en sv");
  EXPECT_EQ(names("a.en.gz", "b.de"), "en de");
  EXPECT_EQ(names("a.txt", "b.txt"), "source target");
  EXPECT_EQ(names("a.d/en", "b.d/de"), "source target");
  EXPECT_EQ(names("a.", "b.de"), "source target");
  EXPECT_EQ(names("", ".gz"), "source target");
}

TEST(ParallelText, DifferentLengths) {
  EXPECT_EQ(parallelError("a\nb\nc\n", "x\n"),
            "dir/a.en and b.de: expected equally many lines, got 3 lines and 1 line; line 2 of "
            "dir/a.en has no partner: look for a line break too many or missing before it");
  EXPECT_HAS(parallelError("a\n", "x\ny\n\n"), "got 1 line and 3 lines; line 2 of b.de has no");
  // The rows that are asked for do not hide what follows them.
  EXPECT_FALSE(parseParallelText("a.en", "a\nb\n", "b.de", "x\n", 1));
  EXPECT_LE(parseParallelText(std::string(900, 'a'), "a\nb\n", std::string(900, '\n'), "x\n")
                .status()
                .message()
                .size(),
            500u);
}

TEST(ParallelText, RefusesWithFileAndLine) {
  EXPECT_HAS(parallelError("a\nb\n", "x\ny\xff\n"), "b.de: line 2: expected UTF-8");
  EXPECT_HAS(parallelError("a\xc3\nb\n", "x\ny\n"), "dir/a.en: line 1: expected UTF-8");
  EXPECT_HAS(parallelError("", "x\n"), "dir/a.en: expected rows of data, got an empty file");
  EXPECT_HAS(parallelError("a\n", "\n"), "b.de: expected rows of data, got an empty file");
  auto broken = parseParallelText("a.en.gz", "a\n", "b.de", "x\n");
  ASSERT_FALSE(broken);
  EXPECT_HAS(broken.status().message(), "a.en.gz: expected gzip data");
}

TEST(ParallelText, KeepsTheFirstRowsAndInflates) {
  auto table =
      parseParallelText("a.en.gz", gzipped("a\nb\nc\nd\ne\n"), "b.de", "x\ny\nz\nz\nz\n", 2);
  ASSERT_TRUE(table) << table.status().message();
  ASSERT_EQ(table->rows(), 2);
  EXPECT_EQ(rowCells(*table, 1), (Cells{"b", "y"}));
}

TEST(ParallelText, Files) {
  std::string folder = testing::TempDir();
  Cells paths = {folder + "ftc-parallel.en", folder + "ftc-parallel.de"};
  std::ofstream(paths[0]) << "a\nb\n";
  std::ofstream(paths[1]) << "x\ny\n";
  auto table = readDataFiles(paths);
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(rowCells(*table, 1), (Cells{"b", "y"}));
  EXPECT_HAS(readDataFiles(std::span(paths).first(1)).status().message(),
             "expected a file named");
  EXPECT_HAS(readParallelText(paths[0], folder + "none.de").status().message(), "none.de");
  paths.push_back("c");
  EXPECT_HAS(readDataFiles(paths).status().message(), "two of parallel text, got 3");
}

} // namespace
} // namespace ftc::rt
