// What the tests of data readers share: temporary bytes, gzip, short forms of a table.
#pragma once

#include "runtime/data/DataTable.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace ftc::rt {

/// The error message of reading `bytes` under that name; empty when it was read.
inline std::string dataError(std::string_view name, std::string bytes) {
  Result<DataTable> table = parseData(name, std::move(bytes));
  return table ? std::string() : table.status().message();
}

/// Every cell of a row: text as it is, lists as [a|b], objects in lists as {key=a|…}, missing
/// cells as <none>.
inline std::vector<std::string> rowCells(const DataTable &table, std::int64_t row) {
  std::vector<std::string> cells;
  for (int column = 0; column < static_cast<int>(table.columns().size()); ++column) {
    CellKind kind = table.kind(row, column);
    if (kind == CellKind::Missing) {
      cells.push_back("<none>");
    } else if (kind == CellKind::Other) {
      cells.push_back("<other>");
    } else if (kind == CellKind::ObjectList) {
      std::string joined;
      for (const Object &object : table.objects(row, column)) {
        joined += "{";
        for (const ObjectMember &member : object) {
          joined += (joined.back() == '{' ? "" : "|") + std::string(member.key) + "=";
          joined += member.kind == CellKind::Missing ? "<none>"
                    : member.kind == CellKind::Other ? "<other>"
                                                     : std::string(member.text);
        }
        joined += "}";
      }
      EXPECT_EQ(table.listSize(row, column), 0);
      cells.push_back(joined);
    } else if (kind == CellKind::TextList || kind == CellKind::IntegerList) {
      std::vector<std::string> items;
      table.list(row, column, items);
      EXPECT_EQ(table.listSize(row, column), static_cast<std::int64_t>(items.size()));
      std::string joined = "[";
      for (std::size_t i = 0; i < items.size(); ++i)
        joined += (i ? "|" : "") + items[i];
      cells.push_back(joined + "]");
    } else {
      cells.emplace_back(table.text(row, column));
    }
  }
  return cells;
}

inline std::string gzipped(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

} // namespace ftc::rt

#define EXPECT_HAS(text, part)                                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << "in: " << (text)
