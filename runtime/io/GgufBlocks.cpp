// Block layouts and arithmetic are those of ggml-quants.c; sums and products are single f32
// operations in its order, so that results are equal bit by bit.
#include "runtime/io/GgufBlocks.h"

#include "runtime/io/DType.h"

#include <cstring>

namespace ftc::rt {

namespace {

/// Elements of a block of the K types.
constexpr std::uint32_t superBlock = 256;

template <typename T> T load(const std::byte *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
float half(const std::byte *from) { return halfToFloat(load<std::uint16_t>(from)); }
int byteAt(const std::byte *from, std::size_t i) { return std::to_integer<int>(from[i]); }
int signedAt(const std::byte *from, std::size_t i) {
  return static_cast<std::int8_t>(byteAt(from, i));
}

void decodeF32(const std::byte *in, std::size_t blocks, float *out) {
  std::memcpy(out, in, blocks * 4);
}
void decodeF16(const std::byte *in, std::size_t blocks, float *out) {
  for (std::size_t i = 0; i < blocks; ++i)
    out[i] = half(in + 2 * i);
}
void decodeBf16(const std::byte *in, std::size_t blocks, float *out) {
  for (std::size_t i = 0; i < blocks; ++i)
    out[i] = bfloat16ToFloat(load<std::uint16_t>(in + 2 * i));
}

/// d, quants[32]: y = q * d.
void decodeQ8_0(const std::byte *in, std::size_t blocks, float *out) {
  for (; blocks; --blocks, in += 34, out += 32) {
    float d = half(in);
    for (int i = 0; i < 32; ++i)
      out[i] = static_cast<float>(signedAt(in + 2, i)) * d;
  }
}

/// d, [m,] [high bits,] nibbles[16]: the low nibbles are the first 16 values. With a minimum
/// y = q * d + m, without one y = (q - middle) * d.
template <bool withMinimum, bool fiveBits>
void decodeNibbles(const std::byte *in, std::size_t blocks, float *out) {
  constexpr std::size_t head = withMinimum ? 4 : 2, high = fiveBits ? 4 : 0;
  constexpr int middle = withMinimum ? 0 : fiveBits ? 16 : 8;
  for (; blocks; --blocks, in += head + high + 16, out += 32) {
    float d = half(in);
    float m = withMinimum ? half(in + 2) : 0.0f;
    std::uint32_t bits = fiveBits ? load<std::uint32_t>(in + head) : 0;
    for (int i = 0; i < 16; ++i) {
      int byte = byteAt(in + head + high, i);
      int low = (byte & 15) | static_cast<int>((bits >> i & 1) << 4);
      int top = byte >> 4 | static_cast<int>((bits >> (i + 16) & 1) << 4);
      out[i] = static_cast<float>(low - middle) * d;
      out[i + 16] = static_cast<float>(top - middle) * d;
      if (withMinimum) {
        out[i] += m;
        out[i + 16] += m;
      }
    }
  }
}

/// The 6-bit scale and minimum of sub-block `j` of 8, out of 12 packed bytes.
void scaleAndMinimum(const std::byte *packed, int j, int &scale, int &minimum) {
  if (j < 4) {
    scale = byteAt(packed, j) & 63;
    minimum = byteAt(packed, j + 4) & 63;
    return;
  }
  scale = (byteAt(packed, j + 4) & 15) | (byteAt(packed, j - 4) >> 6 << 4);
  minimum = (byteAt(packed, j + 4) >> 4) | (byteAt(packed, j) >> 6 << 4);
}

/// d, dmin, scales[12], [high bits[32],] nibbles[128]; sub-block j of 32 takes nibbles of the
/// 32 bytes j / 2, the low ones where j is even: y = (d * scale) * q - dmin * minimum.
template <bool fiveBits>
void decodeScaledNibbles(const std::byte *in, std::size_t blocks, float *out) {
  constexpr std::size_t high = fiveBits ? 32 : 0;
  for (; blocks; --blocks, in += 16 + high + 128) {
    float d = half(in), dmin = half(in + 2);
    for (int j = 0; j < 8; ++j, out += 32) {
      int scale, minimum;
      scaleAndMinimum(in + 4, j, scale, minimum);
      float step = d * static_cast<float>(scale);
      float offset = dmin * static_cast<float>(minimum);
      const std::byte *nibbles = in + 16 + high + 32 * (j / 2);
      for (int i = 0; i < 32; ++i) {
        int q = byteAt(nibbles, i) >> (j % 2 * 4) & 15;
        if (fiveBits)
          q |= (byteAt(in + 16, i) >> j & 1) << 4;
        out[i] = step * static_cast<float>(q) - offset;
      }
    }
  }
}

/// low[128], high[64], scales[16], d: halves of 128, each of four groups of 32 that share their
/// bytes: y = (d * scale) * (q - 32), a scale for 16 values.
void decodeQ6_K(const std::byte *in, std::size_t blocks, float *out) {
  for (; blocks; --blocks, in += 210) {
    float d = half(in + 208);
    for (int part = 0; part < 2; ++part, out += 128) {
      const std::byte *low = in + 64 * part, *high = in + 128 + 32 * part;
      for (int group = 0; group < 4; ++group)
        for (int i = 0; i < 32; ++i) {
          int nibble = byteAt(low, i + 32 * (group % 2)) >> (group / 2 * 4) & 15;
          int q = (nibble | (byteAt(high, i) >> (2 * group) & 3) << 4) - 32;
          int scale = signedAt(in + 192, 8 * part + 2 * group + i / 16);
          out[32 * group + i] = d * static_cast<float>(scale) * static_cast<float>(q);
        }
    }
  }
}

/// Every type that ggml has or had a number for; what has no decoder is refused by its name.
constexpr GgmlType types[] = {
    {0, "F32", 1, 4, decodeF32},
    {1, "F16", 1, 2, decodeF16},
    {2, "Q4_0", 32, 18, decodeNibbles<false, false>},
    {3, "Q4_1", 32, 20, decodeNibbles<true, false>},
    {6, "Q5_0", 32, 22, decodeNibbles<false, true>},
    {7, "Q5_1", 32, 24, decodeNibbles<true, true>},
    {8, "Q8_0", 32, 34, decodeQ8_0},
    {9, "Q8_1", 32, 36, nullptr},
    {10, "Q2_K", superBlock, 84, nullptr},
    {11, "Q3_K", superBlock, 110, nullptr},
    {12, "Q4_K", superBlock, 144, decodeScaledNibbles<false>},
    {13, "Q5_K", superBlock, 176, decodeScaledNibbles<true>},
    {14, "Q6_K", superBlock, 210, decodeQ6_K},
    {15, "Q8_K", superBlock, 292, nullptr},
    {16, "IQ2_XXS", superBlock, 66, nullptr},
    {17, "IQ2_XS", superBlock, 74, nullptr},
    {18, "IQ3_XXS", superBlock, 98, nullptr},
    {19, "IQ1_S", superBlock, 50, nullptr},
    {20, "IQ4_NL", 32, 18, nullptr},
    {21, "IQ3_S", superBlock, 110, nullptr},
    {22, "IQ2_S", superBlock, 82, nullptr},
    {23, "IQ4_XS", superBlock, 136, nullptr},
    {24, "I8", 1, 1, nullptr},
    {25, "I16", 1, 2, nullptr},
    {26, "I32", 1, 4, nullptr},
    {27, "I64", 1, 8, nullptr},
    {28, "F64", 1, 8, nullptr},
    {29, "IQ1_M", superBlock, 56, nullptr},
    {30, "BF16", 1, 2, decodeBf16},
    {34, "TQ1_0", superBlock, 54, nullptr},
    {35, "TQ2_0", superBlock, 66, nullptr},
    {39, "MXFP4", 32, 17, nullptr},
};

} // namespace

const GgmlType *findGgmlType(std::uint32_t id) {
  for (const GgmlType &type : types)
    if (type.id == id)
      return &type;
  return nullptr;
}

std::string decodableGgmlTypes() {
  std::string out;
  for (const GgmlType &type : types)
    if (type.decode)
      out += (out.empty() ? "" : ", ") + std::string(type.name);
  return out;
}

} // namespace ftc::rt
