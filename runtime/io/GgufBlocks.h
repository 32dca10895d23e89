// The element types of GGUF tensors (ggml's) and the decoding of their blocks to f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ftc::rt {

/// A type of ggml: elements are stored in blocks of equal size.
struct GgmlType {
  std::uint32_t id;
  const char *name;
  std::uint32_t blockElements;
  std::uint32_t blockBytes;
  /// Decodes `blocks` whole blocks to blocks * blockElements floats, each operation rounded as
  /// in ggml's dequantize_row_*; nullptr where there is no decoder. `in` may be unaligned.
  void (*decode)(const std::byte *in, std::size_t blocks, float *out);
};

/// The type of a number in a file; nullptr when ggml has none of that number.
const GgmlType *findGgmlType(std::uint32_t id);
/// "F32, F16, ...": the types with a decoder, for messages.
std::string decodableGgmlTypes();

} // namespace ftc::rt
