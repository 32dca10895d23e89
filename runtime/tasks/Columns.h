// Finding a task's columns by flag or usual name, and reading cells with errors that say
// where and what.
#pragma once

#include "runtime/data/DataTable.h"

#include <span>

namespace ftc::rt {

/// Up to eight names, each cut to 24 bytes and quoted, and how many more there are.
std::string listNames(std::span<const std::string> names);

/// The column that a flag names. Fails with the columns present.
Result<int> findFlaggedColumn(const DataTable &table, std::string_view flag,
                              const std::string &name);

/// "PATH: expected a column …, got the columns …" (of CoNLL files their places): none fits.
/// `expected` names what was looked for and the flag that would say otherwise.
Status missingColumn(const DataTable &table, std::string_view expected);

/// The text of a cell that must be a string.
Result<std::string_view> readText(const DataTable &table, std::int64_t row, int column);

/// The text of a cell that must be a label: a string, a whole number or a boolean, not empty.
Result<std::string_view> readLabel(const DataTable &table, std::int64_t row, int column);

/// Whether text is a number in decimal form ("2", "-0.5", "1e3").
bool isNumberText(std::string_view text);
/// Of those, one that is written as a real: with a point or an exponent.
bool isRealText(std::string_view text);
/// Whether text is a whole number in its usual form (no "+1", "01", "-0"), of any size.
bool isWholeText(std::string_view text);
/// Whether the file itself types a cell as a whole number; it may be above what 64 bits hold.
bool isWholeCell(const DataTable &table, std::int64_t row, int column);
/// "nan" in any case: what tools write where there is no number.
bool isNotANumber(std::string_view text);

/// Whether text is a JSON list of texts and whole numbers: several labels in files that know text
/// alone.
bool isListText(std::string_view text);

/// The value of a cell that must be a finite number: a number, or in files that know text alone
/// the text of one.
Result<float> readNumber(const DataTable &table, std::int64_t row, int column);

/// Fails unless the cell is a list of strings (or, if `integers`, of whole numbers).
Status checkList(const DataTable &table, std::int64_t row, int column, bool integers);

} // namespace ftc::rt
