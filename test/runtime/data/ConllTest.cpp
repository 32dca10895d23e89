// CoNLL columns: separators, sentence ends, quirks of public files, refusals with lines.
#include "DataTest.h"

#include <cstdlib>

namespace ftc::rt {
namespace {

using Cells = std::vector<std::string>;

TEST(Conll, TabsAndSentenceEnds) {
  auto table = parseData("a.conll", "-DOCSTART-\tO\n\nEU\tB-ORG\nrejects\tO\n\t\n"
                                    "New York\tB-LOC\r\n"
                                    "\n \t\n\nend\tO");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"tokens", "ner_tags"}));
  ASSERT_EQ(table->rows(), 3);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"[EU|rejects]", "[B-ORG|O]"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"[New York]", "[B-LOC]"}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{"[end]", "[O]"}));
  EXPECT_EQ(table->line(0), 3);
  EXPECT_EQ(table->itemLine(0, 1), 4);
  EXPECT_EQ(table->where(1), "a.conll: line 6");
  EXPECT_EQ(table->line(2), 10);
}

TEST(Conll, BlanksAndMiddleColumns) {
  auto table =
      parseData("a.txt", "-DOCSTART- -X- -X- O\n\nEU NNP  B-NP B-ORG\ncall VB B-VP O \n");
  ASSERT_TRUE(table) << table.status().message();
  ASSERT_EQ(table->rows(), 1);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"[EU|call]", "[B-ORG|O]"}));
}

TEST(Conll, OneColumnHasNoTags) {
  auto table = parseData("a.bio", "a\nb\n\nc\n");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->columns(), Cells{"tokens"});
  EXPECT_EQ(table->rows(), 2);
  EXPECT_EQ(rowCells(*table, 0), Cells{"[a|b]"});
}

TEST(Conll, Refuses) {
  std::string changing = dataError("d.conll", "a\tO\nb\tO\n\nc\tNN\tO\n");
  EXPECT_HAS(changing, "d.conll: line 4: expected 2 columns as in line 1, got 3");
  EXPECT_HAS(dataError("d.conll", "a O\nb\n"),
             "line 2: expected 2 columns as in line 1, got 1");
  EXPECT_HAS(dataError("d.conll", "a\tO\nb\t\n"), "line 2: expected a token");
  EXPECT_HAS(dataError("d.conll", "a\tO\n\tO\n"), "got an empty token");
  EXPECT_HAS(dataError("d.conll", "-DOCSTART- O\n\n"), "got none");
  EXPECT_HAS(dataError("d.conll", "\n\n"), "empty file");
  EXPECT_HAS(dataError("d.conll", "a\tO\n\xff\tO\n"), "d.conll: line 2: expected UTF-8");
}

TEST(Conll, KeepsTheFirstRows) {
  auto table = parseData("a.conll", "a\tO\n\nb\tO\n\nc\tO\n", 2);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows(), 2);
}

TEST(Gzip, ReadsMembersAndRefusesDamage) {
  std::string text = "text,label\n";
  for (int i = 0; i < 2000; ++i)
    text += "row " + std::to_string(i * 7919) + ",x\n";
  std::string packed = gzipped(text);
  auto table = parseData("a.csv.gz", packed);
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->rows(), 2000);
  auto two = parseData("a.csv.gz", gzipped("text,label\na,b\n") + gzipped("c,d\n"));
  ASSERT_TRUE(two);
  EXPECT_EQ(two->rows(), 2);
  EXPECT_EQ(parseData("a.csv.gz", packed + std::string(512, '\0'))->rows(), 2000);
  for (std::size_t cut = 1; cut < packed.size(); cut += 97)
    EXPECT_HAS(dataError("d.csv.gz", packed.substr(0, cut)), "truncated");
  EXPECT_HAS(dataError("d.csv.gz", packed.substr(0, packed.size() - 1)), "truncated");
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1; // the checksum
  EXPECT_HAS(dataError("d.csv.gz", damaged), "damaged");
  EXPECT_HAS(dataError("d.csv.gz", text), "damaged");
  EXPECT_HAS(dataError("d.csv.gz", packed + "more"), "d.csv.gz: expected");
  EXPECT_HAS(dataError("d.csv.gz", ""), "truncated");
}

TEST(Conll, ReadsWnut17) {
  const char *root = std::getenv("FTC_DATA");
  std::string folder =
      std::string(root ? root : "../shared") + "/data/token-classification/wnut17/";
  auto train = readDataFile(folder + "wnut17train.conll");
  if (!train)
    GTEST_SKIP() << train.status().message();
  EXPECT_EQ(train->rows(), 3394);
  std::int64_t tokens = 0;
  for (std::int64_t row = 0; row < train->rows(); ++row)
    tokens += train->listSize(row, 0);
  EXPECT_EQ(tokens, 62730);
  auto dev = readDataFile(folder + "emerging.dev.conll");
  ASSERT_TRUE(dev) << dev.status().message();
  EXPECT_EQ(dev->rows(), 1009);
}

} // namespace
} // namespace ftc::rt
