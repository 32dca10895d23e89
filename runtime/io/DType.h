// Element types of stored tensors, with the names and the order of the safetensors format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ftc::rt {

/// In the format's order: a writer puts higher ones first.
enum class DType : std::uint8_t {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// "F32"; the name in headers.
std::string_view dtypeName(DType dtype);
std::optional<DType> dtypeFromName(std::string_view name);
/// Bits of one element: 4 for F4, 6 for the F6 types, else a multiple of 8.
std::uint32_t dtypeBits(DType dtype);

/// Exact for every value; NaN payloads keep their top bits.
float halfToFloat(std::uint16_t bits);
/// The half that a finite value equals, zero's sign included; nothing when there is none.
std::optional<std::uint16_t> exactHalf(float value);
inline float bfloat16ToFloat(std::uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
}

} // namespace ftc::rt
