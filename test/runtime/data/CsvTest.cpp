// CSV and TSV: quoting, line ends, blank lines, and every refusal with its line.
#include "DataTest.h"

namespace ftc::rt {
namespace {

using Cells = std::vector<std::string>;

TEST(Csv, QuotesLineEndsAndLines) {
  auto table = parseData("a.csv", "\xef\xbb\xbftext,label\r\n"
                                  "plain,x\r\n"
                                  "\"a \"\"b\"\", c\nsecond line\",y\r\n"
                                  "\r\n"
                                  "in\"side,\"z\"tail\r\n"
                                  ",\"\"");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(table->columns(), (Cells{"text", "label"}));
  ASSERT_EQ(table->rows(), 4);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"plain", "x"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"a \"b\", c\nsecond line", "y"}));
  EXPECT_EQ(rowCells(*table, 2), (Cells{"in\"side", "ztail"}));
  EXPECT_EQ(rowCells(*table, 3), (Cells{"", ""}));
  EXPECT_EQ(table->line(0), 2);
  EXPECT_EQ(table->line(1), 3);
  EXPECT_EQ(table->line(2), 6);
  EXPECT_EQ(table->line(3), 7);
  EXPECT_EQ(table->where(2), "a.csv: line 6");
  EXPECT_TRUE(table->untyped());
  EXPECT_EQ(table->findColumn("label"), 1);
  EXPECT_FALSE(table->findColumn("Label"));
}

TEST(Csv, TabsAreQuotedLikeCommas) {
  auto table = parseData("dir/a.TSV", "label\ttext\nham\t\"a\tb\"\nspam\tx,y\n");
  ASSERT_TRUE(table) << table.status().message();
  EXPECT_EQ(rowCells(*table, 0), (Cells{"ham", "a\tb"}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"spam", "x,y"}));
}

TEST(Csv, BlankLinesAreExamplesInOneColumn) {
  auto one = parseData("a.csv", "text\na\n\nb\n");
  ASSERT_TRUE(one);
  ASSERT_EQ(one->rows(), 3);
  EXPECT_EQ(rowCells(*one, 1), Cells{""});
  EXPECT_EQ(one->line(2), 4);
  auto two = parseData("a.csv", "\n \ntext,label\na,b\n\n  \nc,d\n\n");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->rows(), 2);
  EXPECT_EQ(two->line(0), 4);
  EXPECT_EQ(two->line(1), 7);
}

TEST(Csv, BareReturnsAndNulsAreContent) {
  auto table = parseData("a.csv", std::string("text,label\na\rb,c\0d\n", 19));
  ASSERT_TRUE(table);
  EXPECT_EQ(rowCells(*table, 0), (Cells{"a\rb", std::string("c\0d", 3)}));
}

TEST(Csv, UnnamedColumnsAndMaxRows) {
  auto table = parseData("a.csv", ",text,\n0,a,1\n1,b,2\n2,c,3\n", 2);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows(), 2);
  EXPECT_EQ(table->columns(), (Cells{"", "text", ""}));
  EXPECT_EQ(rowCells(*table, 1), (Cells{"1", "b", "2"}));
}

TEST(Csv, RefusesRaggedRows) {
  std::string few = dataError("d.csv", "text,label\na,b\nc\n");
  EXPECT_HAS(few, "d.csv: line 3: expected 2 fields as in the header, got 1");
  std::string many = dataError("d.csv", "text,label\n\"x\ny\",b\nc,d,e,f\n");
  EXPECT_HAS(many, "d.csv: line 4: expected 2 fields as in the header, got 4");
}

TEST(Csv, NamesTheLineWhereAQuoteOpened) {
  std::string error = dataError("d.csv", "text,label\na,b\n\"c,d\ne,f\ng,h\n");
  EXPECT_HAS(error, "d.csv: line 3: expected a closing quote");
  EXPECT_HAS(dataError("d.csv", "\"text,label\na,b\n"), "d.csv: line 1: expected a closing");
}

TEST(Csv, RefusesEmptyFilesAndHeadersAlone) {
  EXPECT_HAS(dataError("d.csv", ""), "d.csv: expected rows of data, got an empty file");
  EXPECT_HAS(dataError("d.csv", "\xef\xbb\xbf \n\n"), "got an empty file");
  EXPECT_HAS(dataError("d.csv", "text,label\n"), "got a header only");
  EXPECT_HAS(dataError("d.csv", "text,label"), "got a header only");
  EXPECT_HAS(dataError("d.csv", "text,text\na,b\n"), "line 1: expected different column names");
}

TEST(Csv, RefusesInvalidUtf8WithItsLine) {
  EXPECT_HAS(dataError("d.csv", "text,label\na,b\ncaf\xe9,d\n"),
             "d.csv: line 3: expected UTF-8, got an invalid byte");
  EXPECT_HAS(dataError("d.csv", "text\n\xed\xa0\x80\n"), "line 2: expected UTF-8");
  EXPECT_HAS(dataError("d.csv", "text\n\xc0\xaf\n"), "line 2: expected UTF-8");
}

TEST(Csv, RefusesUnknownNames) {
  EXPECT_HAS(dataError("d.xlsx", "text\na\n"), "expected a file named .csv, .tsv, .jsonl");
  EXPECT_HAS(dataError("d.parquet", "PAR1"), "d.parquet: expected a Parquet file");
  EXPECT_HAS(dataError("d", "text\na\n"), "rename it");
  EXPECT_HAS(readDataFile("/nonexistent/d.csv").status().message(), "/nonexistent/d.csv");
}

TEST(Csv, LimitsColumns) {
  std::string header = "c0";
  for (int i = 1; i < 5000; ++i)
    header += ",c" + std::to_string(i);
  EXPECT_HAS(dataError("d.csv", header + "\n"), "expected at most 4096 columns");
  EXPECT_HAS(dataError("d.csv", std::string(2000, 'x') + "\na\n"), "at most 1000 bytes");
}

} // namespace
} // namespace ftc::rt
