// Lines as rows: as many as the file has, whatever stands in them.
#include "runtime/data/PlainText.h"
#include "test/runtime/data/DataTest.h"

#include <gtest/gtest.h>

namespace ftc::rt {
namespace {

std::vector<std::string> linesOf(std::string bytes) {
  auto table = parsePlainText("a.txt", std::move(bytes));
  EXPECT_TRUE(table) << table.status().message();
  std::vector<std::string> lines;
  for (std::int64_t row = 0; table && row < table->rows(); ++row) {
    EXPECT_EQ(table->line(row), row + 1);
    EXPECT_EQ(table->kind(row, 0), CellKind::Text);
    lines.emplace_back(table->text(row, 0));
  }
  return lines;
}

TEST(PlainText, ALineIsARow) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(linesOf("one\ntwo\tcolumns\r\n"), (Lines{"one", "two\tcolumns"}));
  EXPECT_EQ(linesOf("\n \n\nlast"), (Lines{"", " ", "", "last"}));
  EXPECT_EQ(linesOf("\n\n"), (Lines{"", ""}));
  EXPECT_EQ(linesOf("\xef\xbb\xbf\"a\n"), (Lines{"\"a"}));
}

TEST(PlainText, WhatIsNoText) {
  auto message = [](std::string bytes) {
    auto table = parsePlainText("dir/a.txt", std::move(bytes));
    return table ? std::string() : table.status().message();
  };
  EXPECT_HAS(message(""), "dir/a.txt: expected rows of data, got an empty file");
  EXPECT_HAS(message("\xef\xbb\xbf"), "got an empty file");
  EXPECT_HAS(message("a\n\xff"), "dir/a.txt: line 2: expected UTF-8");
  auto damaged = parsePlainText("a.txt.gz", "no gzip");
  ASSERT_FALSE(damaged);
  EXPECT_HAS(damaged.status().message(), "a.txt.gz");
}

} // namespace
} // namespace ftc::rt
