// Column: one column of one row group, its pages decoded.
#pragma once

#include "runtime/data/parquet/Schema.h"

namespace ftc::rt::parquet {

/// Entries in order; each has levels, and a value where the definition level is the column's
/// highest. A cursor goes over them once.
class Column {
public:
  /// Reads all pages of `chunk`. Everything that the file says is checked before it is used;
  /// messages say what was expected of which page. `file` must outlive the column.
  static Result<Column> read(std::string_view file, const Footer &footer,
                             const ColumnChunk &chunk, const Leaf &leaf, Budget &budget);

  bool atEnd() const { return at == entries; }
  /// Of the entry at the cursor, which must not be at the end.
  int definition() const { return definitions.empty() ? 0 : definitions[at]; }
  int repetition() const { return repetitions.empty() ? 0 : repetitions[at]; }
  /// Whether the entry has a value: which() of the kind that the column has.
  bool hasValue() const { return definition() == maxDefinition; }
  std::int64_t integer() const { return values.integers[valueAt]; }
  double real() const { return values.reals[valueAt]; }
  std::string_view text() const { return values.texts[valueAt]; }
  void advance() {
    valueAt += hasValue();
    ++at;
  }

private:
  friend class ColumnReader;
  int maxDefinition = 0;
  std::uint64_t entries = 0;
  std::vector<std::uint16_t> definitions, repetitions; ///< empty: all 0
  Values dictionary, values;
  Buffers pages; ///< decompressed
  std::uint64_t at = 0, valueAt = 0;
};

} // namespace ftc::rt::parquet
