// Delta encodings: differences of numbers, lengths of texts, and prefixes that texts share.
#pragma once

#include "runtime/data/parquet/Values.h"

namespace ftc::rt::parquet {

/// DELTA_BINARY_PACKED: appends exactly `count` numbers and says in `used` how many bytes they
/// took. `narrow`: 32 bits. False on damage.
bool decodeDeltas(std::string_view bytes, std::uint64_t count, bool narrow,
                  std::vector<std::int64_t> &out, std::size_t &used);

/// DELTA_LENGTH_BYTE_ARRAY.
bool decodeDeltaLengths(std::string_view bytes, std::uint64_t count,
                        std::vector<std::string_view> &out);

/// DELTA_BYTE_ARRAY; the texts are written to a new buffer of `out`.
Status decodeDeltaTexts(std::string_view bytes, std::uint64_t count, Budget &budget,
                        Values &out);

} // namespace ftc::rt::parquet
