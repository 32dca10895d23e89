// The parts of `ftc catalog`, each in a file of its own.
#pragma once

#include "catalog/LocalModels.h"
#include "runtime/support/Status.h"

#include <span>
#include <string>
#include <vector>

namespace ftc::cli {

rt::Status catalogListCommand(std::span<const std::string> arguments);
rt::Status catalogShowCommand(std::span<const std::string> arguments);
rt::Status catalogPullCommand(std::span<const std::string> arguments);

/// "22.7M", "1.10B": three digits.
std::string shortCount(std::int64_t count);
/// "en", "en fr", or the first ones and how many more in at most `width` columns.
std::string shortList(const std::vector<std::string> &words, std::size_t width);

/// One column of a table.
struct TableColumn {
  std::string title;
  bool rightAligned = false;
};
/// Rows of equally many cells under their titles, each column as wide as its widest cell, two
/// spaces between them, none at a line's end.
std::string alignedTable(std::span<const TableColumn> columns,
                         const std::vector<std::vector<std::string>> &rows);

} // namespace ftc::cli
