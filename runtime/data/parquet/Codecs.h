// Codecs: a page's bytes as they were before compression.
#pragma once

#include "runtime/data/parquet/Footer.h"

namespace ftc::rt::parquet {

/// Fails unless `compressed` gives exactly `bytes` bytes, and on a codec that is not supported,
/// by its name. Nothing beyond `bytes` is allocated.
Result<std::string> decompress(std::int64_t codec, std::string_view compressed,
                               std::size_t bytes);

} // namespace ftc::rt::parquet
