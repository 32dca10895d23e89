// Plain text: a file whose lines are the examples.
#pragma once

#include "runtime/data/DataTable.h"

namespace ftc::rt {

/// Reads a file into a table of the one column "text", a line a row: empty lines stay, so that
/// what is made of the rows has as many lines as the file. UTF-8; .gz in the name means that it
/// is compressed. Fails on a file without a byte.
Result<DataTable> readPlainText(const std::string &path);

/// The same from bytes in memory.
Result<DataTable> parsePlainText(std::string_view path, std::string bytes);

} // namespace ftc::rt
