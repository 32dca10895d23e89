// The readers of data files behind the signature of Parsers.h.
#pragma once

#include "runtime/support/Status.h"

#include <string_view>

namespace ftc::test {

/// The first byte chooses the reader: 0 CSV, 1 TSV, 2 JSON lines, 3 JSON, 4 CoNLL columns,
/// 5 parallel text, whose two files a form feed separates. What follows is the file.
rt::Status parseDataFile(std::string_view bytes);

/// A Parquet file.
rt::Status parseParquetFile(std::string_view bytes);

} // namespace ftc::test
