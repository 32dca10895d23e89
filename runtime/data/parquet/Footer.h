// Footer: a Parquet file's schema and where its column chunks lie.
// Source: apache/parquet-format src/main/thrift/parquet.thrift.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt::parquet {

enum class PhysicalType {
  Boolean = 0,
  Int32 = 1,
  Int64 = 2,
  Int96 = 3,
  Float = 4,
  Double = 5,
  ByteArray = 6,
  FixedLenByteArray = 7
};

enum class Repetition { Required = 0, Optional = 1, Repeated = 2 };

enum class Codec {
  Uncompressed = 0,
  Snappy = 1,
  Gzip = 2,
  Lzo = 3,
  Brotli = 4,
  Lz4 = 5,
  Zstd = 6,
  Lz4Raw = 7
};

/// What a value means beyond its bytes. Unknown: nothing that a table has a cell for.
enum class Meaning {
  None,
  Text,
  List,
  Map,
  Decimal,
  Date,
  Time,
  Timestamp,
  Unsigned,
  Null,
  Unknown
};

/// The unit of a time, as a power of ten: 3 milliseconds, 6 microseconds, 9 nanoseconds.
using TimeDigits = int;

/// One element of the schema, in the file's depth-first order.
struct SchemaElement {
  std::string name;
  std::optional<PhysicalType> type; ///< absent: a group
  std::int64_t typeLength = 0;      ///< FixedLenByteArray: bytes
  Repetition repetition = Repetition::Required;
  std::int64_t children = 0;
  Meaning meaning = Meaning::None;
  std::int64_t scale = 0;    ///< Decimal
  TimeDigits timeDigits = 3; ///< Time, Timestamp
  bool utc = false;          ///< Timestamp
};

/// One column of one row group.
struct ColumnChunk {
  std::int64_t type = -1;  ///< a PhysicalType
  std::int64_t codec = 0;  ///< a Codec
  std::int64_t values = 0; ///< nulls and empty lists counted
  std::int64_t compressedBytes = 0;
  std::int64_t dataOffset = 0;
  std::int64_t dictionaryOffset = 0; ///< 0: no dictionary page, or the writer did not say
  bool elsewhere = false;            ///< in another file
  bool encrypted = false;
};

struct RowGroup {
  std::int64_t rows = 0;
  std::vector<ColumnChunk> columns;
};

struct Footer {
  std::vector<SchemaElement> schema; ///< the root first
  std::int64_t rows = 0;
  std::vector<RowGroup> rowGroups;
  std::string huggingface; ///< the key of that name: the features of `datasets`, as JSON
  std::size_t dataEnd = 0; ///< where column chunks end and the footer begins
};

/// Reads the footer of a whole file. Fails on what is no Parquet file, on encryption, and on
/// damage. `path` begins every message.
Result<Footer> readFooter(std::string_view path, std::string_view file);

/// A page's header: of the three kinds that are read.
struct PageHeader {
  enum class Kind { Data = 0, Index = 1, Dictionary = 2, DataV2 = 3 };
  std::int64_t kind = -1;
  std::int64_t uncompressedBytes = -1, compressedBytes = -1;
  std::optional<std::uint32_t> crc; ///< of the page as it lies in the file
  std::int64_t values = -1;
  std::int64_t encoding = -1;
  std::int64_t definitionEncoding = 3, repetitionEncoding = 3;     ///< Data
  std::int64_t definitionBytes = 0, repetitionBytes = 0, rows = 0; ///< DataV2
  bool compressed = true;                                          ///< DataV2
  std::size_t headerBytes = 0;
};

/// Reads the header at the beginning of `bytes`; nothing where it is damaged.
std::optional<PageHeader> readPageHeader(std::string_view bytes);

} // namespace ftc::rt::parquet
