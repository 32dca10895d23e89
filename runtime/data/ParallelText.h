// Parallel text: two files that translate each other line by line.
#pragma once

#include "runtime/data/DataTable.h"

#include <span>

namespace ftc::rt {

/// The files' columns: what their names end in after the last period ("en" and "de" of a.en and
/// b.de, .gz aside), or "source" and "target" where those are empty or equal.
struct ParallelColumns {
  std::string source, target;
};
ParallelColumns parallelColumns(std::string_view sourcePath, std::string_view targetPath);

/// Reads two files into a table of two columns, a line a row. LF ends a line, a CR before it is
/// dropped, a last line may lack it; empty lines stay. Both must be UTF-8 (byte order marks are
/// skipped); .gz in a name means that file is compressed. Fails when the files differ in their
/// number of lines, naming both numbers and the first line without a partner, whatever
/// `maxRows`; `maxRows` >= 0 keeps that many rows from the beginning.
Result<DataTable> readParallelText(const std::string &sourcePath, const std::string &targetPath,
                                   std::int64_t maxRows = -1,
                                   ReadProblems *problems = nullptr);

/// The same from bytes in memory.
Result<DataTable> parseParallelText(std::string_view sourcePath, std::string sourceBytes,
                                    std::string_view targetPath, std::string targetBytes,
                                    std::int64_t maxRows = -1,
                                    ReadProblems *problems = nullptr);

/// What a data flag names: one file (readDataFile) or the two of parallel text. Any other
/// number is an error. With `problems` rows that cannot be read are told there and left out; of
/// parallel text invalid bytes alone.
Result<DataTable> readDataFiles(std::span<const std::string> paths, std::int64_t maxRows = -1,
                                ReadProblems *problems = nullptr);

} // namespace ftc::rt
