// Element types of stored tensors: names, widths, widening of the 16-bit floats.
#include "runtime/io/DType.h"

#include <bit>
#include <cstddef>
#include <iterator>

namespace ftc::rt {

namespace {
struct Entry {
  std::string_view name;
  std::uint32_t bits;
};
constexpr Entry table[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(table) == static_cast<std::size_t>(DType::U64) + 1);
static_assert(std::endian::native == std::endian::little, "stored tensors are little-endian");
} // namespace

std::string_view dtypeName(DType dtype) { return table[static_cast<std::size_t>(dtype)].name; }

std::uint32_t dtypeBits(DType dtype) { return table[static_cast<std::size_t>(dtype)].bits; }

std::optional<DType> dtypeFromName(std::string_view name) {
  for (std::size_t i = 0; i < std::size(table); ++i)
    if (table[i].name == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<std::uint16_t> exactHalf(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t sign = (bits >> 16) & 0x8000, exponent = (bits >> 23) & 255;
  std::uint32_t half = 0;
  if (exponent > 112 && exponent < 143) {
    half = (exponent - 112) << 10 | ((bits >> 13) & 1023);
  } else if (exponent <= 112) { // subnormal in half: a multiple of 2^-24
    half = static_cast<std::uint32_t>(std::bit_cast<float>(bits & 0x7FFFFFFFu) * 0x1p24f);
  }
  auto result = static_cast<std::uint16_t>(sign | half);
  if (std::bit_cast<std::uint32_t>(halfToFloat(result)) != bits)
    return std::nullopt;
  return result;
}

float halfToFloat(std::uint16_t bits) {
  std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
  std::uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  // Subnormal: fraction * 2^-24 is exact in f32.
  float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

} // namespace ftc::rt
