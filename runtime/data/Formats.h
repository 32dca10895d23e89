// The reader of each format: bytes that are known to be UTF-8, without byte order mark, to
// a table. `path` is for error messages alone. With `problems` rows that cannot be read are told
// there and left out, also where none is left.
#pragma once

#include "runtime/data/DataTable.h"
#include "runtime/data/ReadProblems.h"

namespace ftc::rt {

/// RFC 4180 with Python's csv leniences: quotes open a field only at its beginning, text
/// after a closing quote is kept. The first line is the header. Lines that are blank are
/// skipped, except in a file of one column, where each line is an example.
Result<DataTable> parseCsv(std::string_view path, std::string_view bytes, char delimiter,
                           std::int64_t maxRows, ReadProblems *problems = nullptr);

/// One JSON object a line; blank lines are skipped.
Result<DataTable> parseJsonLines(std::string_view path, std::string_view bytes,
                                 std::int64_t maxRows, ReadProblems *problems = nullptr);

/// A list of objects, {"data": [objects]}, an object of equally long columns, JSON lines, or
/// SQuAD's nested form (see SquadRows.h).
Result<DataTable> parseJson(std::string_view path, std::string_view bytes,
                            std::int64_t maxRows, ReadProblems *problems = nullptr);

/// A token a line in columns separated by tabs or, where the first line has no tab, by runs
/// of blanks; blank lines separate sentences; -DOCSTART- lines are skipped.
Result<DataTable> parseConll(std::string_view path, std::string_view bytes,
                             std::int64_t maxRows, ReadProblems *problems = nullptr);

/// A Parquet file, flat or nested, as rows of JSON lines would give it; rows are counted where
/// others have lines. parquet/Footer.h, Values.h and Reader.cpp say what of the format is read;
/// anything else is refused by name, with row group and column; values that cannot be read with
/// their row as well.
Result<DataTable> parseParquet(std::string_view path, std::string_view file,
                               std::int64_t maxRows, ReadProblems *problems = nullptr);

/// The content of a gzip file (any number of members). Fails on damaged or truncated data,
/// and on more than 200 times the compressed size beyond the first GiB.
Result<std::string> gunzip(std::string_view path, std::string_view compressed);

/// `bytes` without a byte order mark at the beginning.
std::string_view withoutByteOrderMark(std::string_view bytes);

/// The same. Fails unless they are UTF-8.
Result<std::string_view> checkUtf8(std::string_view path, std::string_view bytes);

/// Takes a byte order mark off and puts '?' for every byte that is not UTF-8; where there is
/// one `problems` has the bytes as they were, to tell the rows that they stand in.
void replaceInvalidUtf8(std::string_view path, std::string &bytes, ReadProblems &problems);

/// Fails unless `content` holds more than blanks.
Status checkNotBlank(std::string_view path, std::string_view content);

/// Both.
Result<std::string_view> checkText(std::string_view path, std::string_view bytes);

/// The largest data file that is read.
inline constexpr std::uint64_t kMaxDataFileBytes = std::uint64_t{1} << 40;

/// "PATH: line N", the path made safe to print.
std::string whereInFile(std::string_view path, std::int64_t line);

} // namespace ftc::rt
