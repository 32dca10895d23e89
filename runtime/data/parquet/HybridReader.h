// HybridReader: the run-length / bit-packed mix of Parquet's levels, dictionary indices and
// booleans. Source: apache/parquet-format Encodings.md, "RLE".
#pragma once

#include <cstdint>
#include <string_view>

namespace ftc::rt::parquet {

/// Reads `width` bits at bit `bit` of `bytes`, least significant first; 0 behind the end.
std::uint64_t readBits(std::string_view bytes, std::uint64_t bit, int width);

class HybridReader {
public:
  /// `width`: bits a value, 0 to 32.
  HybridReader(std::string_view bytes, int width) : bytes(bytes), width(width) {}

  /// Hands `count` values to `take`. False where the bytes end before.
  template <typename Take> bool read(std::uint64_t count, const Take &take) {
    while (count > 0) {
      Run run;
      if (!nextRun(count, run))
        return false;
      for (std::uint64_t i = 0; i < run.values; ++i)
        take(static_cast<std::uint32_t>(
            run.packed ? readBits(run.bytes, i * static_cast<std::uint64_t>(width), width)
                       : run.value));
      count -= run.values;
    }
    return true;
  }

private:
  struct Run {
    std::uint64_t values = 0;
    bool packed = false;
    std::uint64_t value = 0;
    std::string_view bytes;
  };
  /// The next run, of at most `most` values; what is packed beyond them is passed over.
  bool nextRun(std::uint64_t most, Run &run);

  std::string_view bytes;
  int width;
  std::size_t at = 0;
};

} // namespace ftc::rt::parquet
