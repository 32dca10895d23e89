// Parquet files that pyarrow wrote give the tables of their rows in JSON lines, which lie
// beside them (test/oracle/parquet/record.py); damaged ones are refused with one line.
#include "DataTest.h"

#include "runtime/data/Formats.h"
#include "runtime/data/ReadProblems.h"
#include "runtime/support/File.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <tuple>

namespace ftc::rt {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> casesIn(const fs::path &directory) {
  std::vector<std::string> cases;
  for (const fs::directory_entry &entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".parquet")
      cases.push_back((directory / entry.path().stem()).string());
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::string fixture(const std::string &name) {
  Result<std::string> bytes =
      readFile(std::string(FTC_TEST_DIR) + "/parquet/" + name + ".parquet", 1 << 20);
  EXPECT_TRUE(bytes) << bytes.status().message();
  return bytes ? bytes.take() : std::string();
}

/// A row's cells by column: kind and content, missing ones left out.
std::map<std::string, std::string> cellsOf(const DataTable &table, std::int64_t row) {
  std::map<std::string, std::string> cells;
  std::vector<std::string> texts = rowCells(table, row);
  for (std::size_t column = 0; column < texts.size(); ++column)
    if (CellKind kind = table.kind(row, static_cast<int>(column)); kind != CellKind::Missing)
      cells[table.columns()[column]] = std::string(cellKindPhrase(kind)) + ": " + texts[column];
  return cells;
}

void expectSameRows(const std::string &path) {
  Result<DataTable> parquet = readDataFile(path + ".parquet");
  Result<DataTable> lines = readDataFile(path + ".jsonl");
  ASSERT_TRUE(lines) << lines.status().message();
  ASSERT_TRUE(parquet) << parquet.status().message();
  ASSERT_EQ(parquet->rows(), lines->rows()) << path;
  EXPECT_EQ(parquet->columns(), lines->columns()) << path;
  EXPECT_FALSE(parquet->untyped());
  for (std::int64_t row = 0; row < lines->rows(); ++row) {
    ASSERT_EQ(cellsOf(*parquet, row), cellsOf(*lines, row)) << path << " row " << row;
    ASSERT_EQ(parquet->line(row), row + 1);
  }
}

TEST(Parquet, SameTableAsJsonLines) {
  std::vector<std::string> cases = casesIn(fs::path(FTC_TEST_DIR) / "parquet");
  ASSERT_GE(cases.size(), 26u);
  for (const std::string &path : cases)
    expectSameRows(path);
}

/// Random files of record.py --random, where FTC_PARQUET_CASES names their folder.
TEST(Parquet, RandomFiles) {
  const char *directory = std::getenv("FTC_PARQUET_CASES");
  if (!directory)
    GTEST_SKIP() << "FTC_PARQUET_CASES names no folder";
  std::vector<std::string> cases = casesIn(directory);
  ASSERT_FALSE(cases.empty());
  for (const std::string &path : cases)
    expectSameRows(path);
  std::printf("%zu files compared\n", cases.size());
}

TEST(Parquet, TellsRows) {
  Result<DataTable> table = parseData("t.parquet", fixture("row-groups"));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->where(9), "t.parquet: row 10");
  EXPECT_EQ(table->unit(), "row");
}

TEST(Parquet, FirstRowsAlone) {
  Result<DataTable> table = parseData("t.parquet", fixture("row-groups"), 10);
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->rows(), 10);
  EXPECT_EQ(parseData("t.parquet", fixture("nested"), 2)->rows(), 2);
}

TEST(Parquet, CompressedAsAWhole) {
  EXPECT_TRUE(parseData("t.parquet.gz", gzipped(fixture("nested"))));
}

TEST(Parquet, ClassNamesComeFromTheFooter) {
  Result<DataTable> table = parseData("t.parquet", fixture("classes-list"));
  ASSERT_TRUE(table);
  int label = *table->findColumn("label");
  EXPECT_EQ(table->text(0, label), "yes");
  EXPECT_EQ(table->kind(2, label), CellKind::Missing); // -1
  std::vector<std::string> tags;
  table->list(0, *table->findColumn("ner_tags"), tags);
  EXPECT_EQ(tags, (std::vector<std::string>{"B-PER", "I-PER"}));
}

TEST(Parquet, Refusals) {
  std::string good = fixture("codec-none-v1");
  EXPECT_HAS(dataError("t.parquet", ""), "t.parquet: expected a Parquet file");
  EXPECT_HAS(dataError("t.parquet", "text,label\na,b\nc,d\n"), "which begins with PAR1");
  EXPECT_HAS(dataError("t.parquet", good.substr(0, good.size() - 1)), "truncated");
  EXPECT_HAS(dataError("t.parquet", "PARE" + good.substr(4)), "encrypted file");
  EXPECT_HAS(dataError("t.parquet", good.substr(0, good.size() - 4) + "PARE"),
             "encrypted footer");
  std::string huge = good;
  huge[huge.size() - 5] = '\x7f';
  EXPECT_HAS(dataError("t.parquet", huge), "expected a footer within the file's");
  std::string page = good;
  page[4] = '\x7f';
  EXPECT_HAS(dataError("t.parquet", page),
             "t.parquet: row group 0: column 'text': page 0: expected a page's header");
}

TEST(Parquet, NamesTheRowOfAValueThatCannotBeRead) {
  EXPECT_HAS(dataError("t.parquet", fixture("bad/text")),
             "t.parquet: row group 1: row 5: column 'text': expected UTF-8");
  EXPECT_HAS(dataError("t.parquet", fixture("bad/class")),
             "t.parquet: row group 0: row 2: column 'label': expected a class below 2");
}

TEST(Parquet, ACheckLeavesThoseRowsOutAndGoesOn) {
  for (const auto &[name, bad, first] :
       {std::tuple("bad/text", std::vector<std::int64_t>{5, 8}, "row 3"),
        std::tuple("bad/class", std::vector<std::int64_t>{2, 3}, "d")}) {
    ReadProblems problems;
    Result<DataTable> table = parseData("t.parquet", fixture(name), -1, &problems);
    ASSERT_TRUE(table) << table.status().message();
    ASSERT_EQ(problems.total(), 2);
    EXPECT_EQ(problems.unit(), "row");
    for (std::size_t i = 0; i < bad.size(); ++i) {
      EXPECT_EQ(problems.kept()[i].line, bad[i]);
      EXPECT_HAS(problems.kept()[i].message,
                 "t.parquet: row " + std::to_string(bad[i]) + ": column '");
    }
    // The good rows keep their numbers.
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < table->rows(); ++row)
      rows.push_back(table->line(row));
    std::vector<std::int64_t> good = name == std::string("bad/text")
                                         ? std::vector<std::int64_t>{1, 2, 3, 4, 6, 7, 9}
                                         : std::vector<std::int64_t>{1, 4};
    EXPECT_EQ(rows, good);
    EXPECT_EQ(table->text(good.size() == 2 ? 1 : 3, 0), first);
  }
}

/// Every byte flipped, and every end cut off, of files with every feature: read or refused.
TEST(Parquet, EveryMutantIsReadOrRefused) {
  std::int64_t refused = 0, read = 0;
  auto verdict = [&](const std::string &name, const std::string &bytes) {
    Result<DataTable> table = parseData("m.parquet", bytes);
    if (table) {
      ++read;
      for (std::int64_t row = 0; row < table->rows(); row += 7)
        rowCells(*table, row);
      return;
    }
    ++refused;
    const std::string &message = table.status().message();
    ASSERT_LE(message.size(), 500u) << name << message;
    ASSERT_EQ(message.find_first_of("\n\r\t"), std::string::npos) << name << message;
    ASSERT_TRUE(message.starts_with("m.parquet: ")) << name << message;
  };
  std::mt19937_64 random(7);
  for (const char *name :
       {"codec-none-v1", "codec-snappy-v2", "codec-gzip-v1", "codec-lz4-v2", "codec-zstd-v1",
        "codec-brotli-v1", "nested", "nested-v2", "types", "delta-text", "delta-binary",
        "split", "rle-boolean", "classes-list"}) {
    std::string good = fixture(name);
    std::size_t step = 1 + good.size() / 1500;
    for (std::size_t at = 0; at < good.size(); at += step) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << random() % 8));
      verdict(name, flipped);
      flipped[at] = static_cast<char>(random());
      verdict(name, flipped);
    }
    for (std::size_t size = 0; size < good.size(); size += step) {
      verdict(name, good.substr(0, size));
      // A whole end behind a damaged middle.
      if (good.size() - size > 16)
        verdict(name, good.substr(0, good.size() - size - 12) + good.substr(good.size() - 8));
    }
  }
  EXPECT_GT(read, 1000);
  EXPECT_GT(refused, 10000);
}

/// A dictionary's text may stand in any number of rows, and of items of one row, for a few
/// bits: 20 GB of it are refused, without taking long to see.
TEST(Parquet, ExpansionIsBounded) {
  for (const char *name : {"bombs/rows", "bombs/items"}) {
    auto start = std::chrono::steady_clock::now();
    std::string bytes = fixture(name);
    ASSERT_LT(bytes.size(), 5000u);
    EXPECT_HAS(dataError("b.parquet", bytes), "bytes once decoded (1,000 times the file");
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60)) << name;
    EXPECT_EQ(parseData("b.parquet", bytes, 1).isOk(), std::string(name) == "bombs/rows");
  }
}

} // namespace
} // namespace ftc::rt
