// Every cvt and every 16-bit float instruction in the emulator's own tables, by name, against
// arithmetic in long double and integers that shares no code with it. An entry without a
// reference here is a failure. Sources of 8 and 16 bits come by whole; wider ones by their
// edges and a prime stride; of pairs of 16 bits each edge with all, and a prime stride of all
// pairs.
#include "test/emulator/exec/Lanes.h"
#include "test/emulator/suite/Reference.h"
#include "test/emulator/suite/Samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <sstream>

namespace ftc::emulator {
namespace {

using Words = std::vector<std::uint64_t>;

struct Name {
  explicit Name(const std::string &text) {
    std::stringstream stream(text);
    for (std::string part; std::getline(stream, part, '.');)
      parts.push_back(part);
  }
  bool has(const char *modifier) const {
    return std::find(parts.begin(), parts.end(), modifier) != parts.end();
  }
  const std::string &operation() const { return parts.front(); }
  const std::string &last() const { return parts.back(); }
  std::vector<std::string> parts;
};

/// A scalar type of PTX: how wide it is, and how its values are read and rounded.
struct Type {
  explicit Type(const std::string &name) {
    packed = name.ends_with("x2");
    std::string scalar = packed ? name.substr(0, name.size() - 2) : name;
    kind = scalar.starts_with("bf") ? 'b' : scalar == "tf32" ? 't' : scalar[0];
    bits = scalar == "tf32" ? 32 : std::stoi(scalar.substr(scalar.find_first_of("0123456789")));
  }
  bool isFloat() const { return kind == 'f' || kind == 'b' || kind == 't'; }
  /// Of a float of 16 bits.
  const Format &format() const { return kind == 'b' ? kBf16 : kF16; }
  std::uint64_t mask() const { return bits == 64 ? ~0ull : (1ull << bits) - 1; }

  /// Exact.
  long double value(std::uint64_t word) const {
    word &= mask();
    if (kind == 'u')
      return static_cast<long double>(word);
    if (kind == 's')
      return static_cast<long double>(static_cast<std::int64_t>(word << (64 - bits)) >>
                                      (64 - bits));
    if (bits == 64)
      return __builtin_bit_cast(double, word);
    if (bits == 32)
      return __builtin_bit_cast(float, static_cast<std::uint32_t>(word));
    return valueOf(format(), static_cast<std::uint32_t>(word));
  }
  bool isNan(std::uint64_t word) const { return isFloat() && std::isnan(value(word)); }

  char kind; ///< u, s, f (f16, f32, f64), b (bf16), t (tf32)
  int bits;
  bool packed;
};

long double flushed(long double x) {
  return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0L, x) : x;
}

/// To an integer as cvt's `rounding` says; "" is none.
long double integral(const Name &name, long double x) {
  return name.has("rni")   ? std::rint(x)
         : name.has("rzi") ? std::trunc(x)
         : name.has("rmi") ? std::floor(x)
         : name.has("rpi") ? std::ceil(x)
                           : x;
}

std::uint64_t integerOf(const Name &name, const Type &to, const Type &from,
                        std::uint64_t word) {
  if (!from.isFloat() && !name.has("sat"))
    return static_cast<std::uint64_t>(static_cast<__int128>(from.value(word))) & to.mask();
  long double x = from.value(word);
  // The PTX ISA: a NaN gives 0, but 2^(bits - 1) where one side has 64 bits.
  if (std::isnan(x))
    return to.bits == 64 || from.bits == 64 ? 1ull << (to.bits - 1) : 0;
  x = integral(name, name.has("ftz") ? flushed(x) : x);
  long double high = std::ldexp(1.0L, to.kind == 's' ? to.bits - 1 : to.bits) - 1;
  long double low = to.kind == 's' ? -high - 1 : 0;
  x = std::fmin(std::fmax(x, low), high);
  return (x < 0 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(x))
                : static_cast<std::uint64_t>(x)) &
         to.mask();
}

/// Bits of `x` in a float type; NaNs canonical.
std::uint64_t floatOf(const Name &name, const Type &to, long double x) {
  if (name.has("relu"))
    x = x > 0 || std::isnan(x) ? x : 0.0L;
  if (name.has("sat"))
    x = std::isnan(x) ? 0.0L : std::fmin(std::fmax(x, 0.0L), 1.0L) + 0.0L;
  if (to.kind == 't')
    return std::isnan(x) ? 0x7fffffff : roundTo(kTf32, x, name.has("rna")) << 13;
  if (to.bits == 64)
    return std::isnan(x) ? 0x7fffffffffffffff
                         : __builtin_bit_cast(std::uint64_t, static_cast<double>(x));
  if (to.bits == 32) {
    if (std::isnan(x))
      return 0x7fffffff;
    float rounded = static_cast<float>(x);
    return bitsOf(name.has("ftz") ? static_cast<float>(flushed(rounded)) : rounded);
  }
  std::uint32_t bits = roundTo(to.format(), x);
  // Toward zero: the nearest, or the one before it.
  if (name.has("rz") && !std::isnan(x) &&
      std::fabs(static_cast<long double>(valueOf(to.format(), bits))) > std::fabs(x))
    --bits;
  return bits;
}

std::uint64_t converted(const Name &name, const Type &to, const Type &from,
                        std::uint64_t word) {
  if (to.packed) { // the first operand is the upper half
    Type half(to.kind == 'b' ? "bf16" : "f16");
    return floatOf(name, half, from.value(word & 0xffffffff)) << 16 |
           floatOf(name, half, from.value(word >> 32));
  }
  if (!to.isFloat())
    return integerOf(name, to, from, word);
  long double x = from.value(word);
  if (name.has("ftz") && from.bits == 32)
    x = flushed(x);
  return floatOf(name, to, integral(name, x));
}

/// Inputs of 64-bit words: all of up to 16 bits, else edges and a stride.
Words inputsOf(const Type &type, bool pair) {
  Words list;
  if (type.bits <= 16) {
    for (std::uint64_t word = 0; word < 65536; ++word)
      list.push_back(word);
    return list;
  }
  auto around = [&](std::uint64_t word) {
    for (int off : {-2, -1, 0, 1, 2})
      for (std::uint64_t sign : {std::uint64_t(0), std::uint64_t(1) << (type.bits - 1)})
        list.push_back(((word + static_cast<std::uint64_t>(off)) ^ sign) & type.mask());
  };
  for (int bit = 0; bit < type.bits; ++bit) {
    around(1ull << bit);
    around(3ull << bit >> 1);
  }
  if (type.isFloat()) // powers of two, their halves and integers with a half
    for (int exponent = -150; exponent <= 150; ++exponent)
      for (double factor :
           {1.0, 1.5, 1.0 + 0x1p-8, 1.0 + 0x3p-8, 1.0 + 0x1p-11, 1.0 + 0x3p-11}) {
        double x = std::ldexp(factor, exponent);
        around(type.bits == 64 ? __builtin_bit_cast(std::uint64_t, x)
                               : bitsOf(static_cast<float>(x)));
      }
  std::mt19937_64 random(3);
  std::uint64_t count = longTests() ? 1 << 21 : 1 << 14;
  if (type.bits == 32)
    for (std::uint64_t i = 0; i < count; ++i)
      list.push_back(i * ((1ull << 32) / count - 1) & type.mask());
  else
    for (std::uint64_t i = 0; i < count; ++i)
      list.push_back(random() >> (type.isFloat() ? 0 : random() % 64));
  if (pair)
    for (std::uint64_t &word : list)
      word |= random() << 32;
  return list;
}

/// Registers of a type by its width: where a word of 64 bits goes in, and how it comes out.
std::string registerOf(const Type &type, int number) {
  bool real = type.kind == 'f' && !type.packed;
  return (type.packed       ? "%r"
          : type.bits <= 16 ? "%rs"
          : type.bits == 64 ? (real ? "%fd" : "%rd")
          : real            ? "%f"
                            : "%r") +
         std::to_string(number);
}
std::string enter(const Type &type, int number, const std::string &word) {
  std::string to = registerOf(type, number);
  if (type.bits == 64)
    return "  mov.b64 " + to + ", " + word + ";\n";
  if (type.bits <= 16 && !type.packed)
    return "  cvt.u16.u64 " + to + ", " + word + ";\n";
  return "  cvt.u32.u64 %r19, " + word + ";\n  mov.b32 " + to + ", %r19;\n";
}
std::string leave(const Type &type, int number, const std::string &word) {
  std::string from = registerOf(type, number);
  if (type.bits == 64)
    return "  mov.b64 " + word + ", " + from + ";\n";
  if (type.bits <= 16 && !type.packed)
    return "  cvt.u64.u16 " + word + ", " + from + ";\n";
  return "  mov.b32 %r19, " + from + ";\n  cvt.u64.u32 " + word + ", %r19;\n";
}

/// `body` makes %rd21 of %rd20, element by element.
Words runOver(const std::string &body, const Words &inputs) {
  std::uint64_t count = (inputs.size() + 255) / 256 * 256;
  Words padded = inputs;
  padded.resize(count);
  TestGpu gpu;
  gpu.load(kernelText(elementAddress("%rd30", "%rd1", 8) + "  ld.global.u64 %rd20, [%rd30];\n" +
                          body + elementAddress("%rd31", "%rd0", 8) +
                          "  st.global.u64 [%rd31], %rd21;\n",
                      "", "sm_90"));
  std::uint64_t out = gpu.reserve(count * 8);
  gpu.launch("k", static_cast<std::uint32_t>(count / 256), 256,
             {out, gpu.upload(padded), 0, 0});
  Words got = gpu.download<std::uint64_t>(out, count);
  got.resize(inputs.size());
  return got;
}

/// What counts of a result: all of it, but which NaN of 64 bits is left open.
bool same(const Type &type, std::uint64_t got, std::uint64_t expected) {
  return got == expected || (type.bits == 64 && type.isNan(got) && type.isNan(expected));
}

TEST(Tables, EveryConversion) {
  emulator_v2::Table table = emulator_v2::conversionTable();
  ASSERT_GT(table.count, 300u);
  std::size_t values = 0;
  for (std::size_t i = 0; i < table.count; ++i) {
    std::string text = table.entries[i].name;
    SCOPED_TRACE(text);
    Name name(text);
    ASSERT_EQ(name.operation(), "cvt");
    Type from(name.last()), to(name.parts[name.parts.size() - 2]);
    Words inputs = inputsOf(from, to.packed);
    std::string body = enter(from, 10, "%rd20");
    std::string sources = registerOf(from, 10);
    if (to.packed) {
      body += "  shr.u64 %rd22, %rd20, 32;\n" + enter(from, 11, "%rd22");
      sources += ", " + registerOf(from, 11);
    }
    body += "  " + text + " " + registerOf(to, 12) + ", " + sources + ";\n" +
            leave(to, 12, "%rd21");
    Words got = runOver(body, inputs);
    std::uint64_t mask = to.packed ? 0xffffffff : to.mask();
    for (std::size_t at = 0; at < inputs.size(); ++at)
      ASSERT_TRUE(same(to, got[at] & mask, converted(name, to, from, inputs[at])))
          << std::hex << "of " << inputs[at] << ": got " << got[at] << ", expected "
          << converted(name, to, from, inputs[at]);
    values += inputs.size();
  }
  std::printf("%zu conversions of %zu values: none differs\n", table.count, values);
}

/// One comparison of setp; the ...u ones are true for NaNs, the others false.
bool compared(const std::string &how, double a, double b) {
  bool none = std::isnan(a) || std::isnan(b);
  if (how == "num" || how == "nan")
    return none == (how == "nan");
  if (none)
    return how.size() == 3;
  std::string relation = how.substr(0, 2);
  return relation == "eq"   ? a == b
         : relation == "ne" ? a != b
         : relation == "lt" ? a < b
         : relation == "le" ? a <= b
         : relation == "gt" ? a > b
                            : a >= b;
}

double extreme(bool max, bool keepsNan, double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return keepsNan || (std::isnan(a) && std::isnan(b)) ? NAN : std::isnan(a) ? b : a;
  if (a == b) // -0 is below +0
    return std::signbit(a) == max ? b : a;
  return (a < b) == max ? b : a;
}

/// Of 16-bit floats; of setp 1 or 0. Nothing where there is no reference.
std::optional<std::uint32_t> computed(const Name &name, const Format &format, std::uint32_t x,
                                      std::uint32_t y, std::uint32_t z) {
  double a = valueOf(format, x), b = valueOf(format, y), c = valueOf(format, z);
  const std::string &operation = name.operation();
  if (operation == "setp")
    return compared(name.parts[1], a, b);
  if (operation == "neg" || operation == "abs")
    return std::isnan(a) ? 0x7fff : operation == "neg" ? x ^ 0x8000 : x & 0x7fff;
  if (operation == "add")
    return roundTo(format, static_cast<long double>(a) + b);
  if (operation == "sub")
    return roundTo(format, static_cast<long double>(a) - b);
  if (operation == "mul")
    return roundTo(format, static_cast<long double>(a) * b);
  if (operation == "fma")
    return roundTo(format, fusedSum(a, b, c));
  if (operation == "min" || operation == "max")
    return roundTo(format, extreme(operation == "max", name.has("NaN"), a, b));
  return std::nullopt;
}

/// Words {b1, b0, a1, a0} of 16 bits: each edge with all, then a prime stride of all pairs.
Words pairsOf(const Format &format) {
  std::uint32_t one = static_cast<std::uint32_t>(format.bias()) << format.mantissa;
  std::uint32_t infinity = ((1u << format.exponent) - 1) << format.mantissa;
  std::vector<std::uint64_t> edges;
  for (std::uint32_t sign : {0u, 0x8000u})
    for (std::uint32_t bits : {0u, 1u, (1u << format.mantissa) - 1, 1u << format.mantissa, one,
                               one + 1, infinity - 1, infinity, infinity + 1})
      edges.push_back(bits | sign);
  Words list;
  std::size_t rows = longTests() ? edges.size() : 1;
  for (std::uint64_t row = 0; row < rows; ++row)
    for (std::uint64_t all = 0; all < 65536; ++all) {
      std::uint64_t edge = edges[(row + all) % edges.size()];
      list.push_back(all | edge << 16 | edge << 32 | all << 48);
    }
  std::uint64_t stride = longTests() ? 4093 : 65537;
  for (std::uint64_t pair = 0; pair < 1ull << 32; pair += stride)
    list.push_back((pair & 0xffff) << 32 | (pair >> 16) | (pair ^ pair >> 7) << 48 |
                   (pair * 40503 & 0xffff) << 16);
  return list;
}

bool isNarrow(const std::string &type) {
  return type == "f16" || type == "bf16" || type == "f16x2" || type == "bf16x2";
}

TEST(Tables, EveryInstructionOfSixteenBitFloats) {
  emulator_v2::Table table = emulator_v2::floatTable();
  std::size_t instructions = 0, values = 0;
  std::map<char, Words> pairs{{'b', pairsOf(kBf16)}, {'f', pairsOf(kF16)}};
  for (std::size_t i = 0; i < table.count; ++i) {
    Name name(table.entries[i].name);
    if (!isNarrow(name.last()))
      continue;
    SCOPED_TRACE(table.entries[i].name);
    Type type(name.last());
    const std::string signature = table.entries[i].signature;
    std::size_t operands = signature.size() - 2;
    std::string body = "  cvt.u32.u64 %r10, %rd20;\n  shr.u64 %rd22, %rd20, 32;\n"
                       "  cvt.u32.u64 %r11, %rd22;\n  shl.b32 %r13, %r10, 16;\n"
                       "  shr.u32 %r14, %r10, 16;\n  or.b32 %r12, %r13, %r14;\n"
                       "  cvt.u16.u32 %rs10, %r10;\n  cvt.u16.u32 %rs11, %r11;\n"
                       "  cvt.u16.u32 %rs12, %r12;\n  " +
                       std::string(table.entries[i].name);
    bool isTest = signature[0] == 'p';
    body += isTest ? " %p1" : type.packed ? " %r20" : " %rs20";
    for (std::size_t operand = 0; operand < operands; ++operand)
      body += (type.packed ? ", %r1" : ", %rs1") + std::to_string(operand);
    body += isTest        ? ";\n  selp.u32 %r20, 1, 0, %p1;\n"
            : type.packed ? ";\n"
                          : ";\n  cvt.u32.u16 %r20, %rs20;\n";
    const Words &inputs = pairs.at(type.kind);
    Words got = runOver(body + "  cvt.u64.u32 %rd21, %r20;\n", inputs);
    for (std::size_t at = 0; at < inputs.size(); ++at)
      for (int half = 0; half < (type.packed ? 2 : 1); ++half) {
        auto part = [&](int number) {
          return static_cast<std::uint32_t>(inputs[at] >> 16 * number & 0xffff);
        };
        std::uint32_t a = part(half), b = part(2 + half), c = part(1 - half);
        auto expected = computed(name, type.format(), a, b, c);
        ASSERT_TRUE(expected) << "no reference";
        auto result = static_cast<std::uint32_t>(got[at] >> 16 * half & 0xffff);
        bool free = operands == 1 && type.isNan(a); // the sign of a NaN
        ASSERT_TRUE(result == *expected || (free && type.isNan(result)))
            << std::hex << a << ", " << b << ", " << c << ": got " << result << ", expected "
            << *expected;
      }
    values += inputs.size();
    ++instructions;
  }
  EXPECT_GE(instructions, 68u);
  std::printf("%zu instructions of %zu pairs: none differs\n", instructions, values);
}

} // namespace
} // namespace ftc::emulator
