// Copies of column ranges, and rotary positions with sines and cosines made in registers.
#include "compiler/targets/cpu/kernels/Columns.h"

#include "compiler/targets/cpu/KernelBuilder.h"

#include <bit>
#include <numeric>

namespace ftc::cpu {

static constexpr std::int64_t rowBlock = 16;

std::string SplitColumns::key(const CpuIsa &isa) const {
  std::string name = concat ? "concat_columns" : "split_columns";
  for (std::int64_t width : widths)
    name += "_" + std::to_string(width);
  return name + "_" + isa.suffix;
}

IntExpr SplitColumns::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void SplitColumns::emit(KernelBuilder &b) const {
  std::int64_t total = std::accumulate(widths.begin(), widths.end(), std::int64_t{0});
  int count = static_cast<int>(widths.size());
  Ptr whole = b.buffer(concat ? count : 0);
  std::vector<Ptr> parts;
  for (int i = 0; i < count; ++i)
    parts.push_back(b.buffer(concat ? i : i + 1));
  b.forTaskRows(b.integer(0), rowBlock, [&](Num row) {
    std::int64_t from = 0;
    for (int i = 0; i < count; from += widths[i++]) {
      Ptr outer = whole[row * total + from], inner = parts[i][row * widths[i]];
      b.forVectors(widths[i], [&](Num offset, Num mask) {
        Num value = b.loadVector((concat ? inner : outer)[offset], mask);
        b.storeVector(value, (concat ? outer : inner)[offset], mask);
      });
    }
  });
}

/// FNV-1a over the frequencies' bits: equal kernels share a name, different ones do not.
static std::string fingerprint(const std::vector<float> &values) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (float value : values) {
    auto bits = std::bit_cast<std::uint32_t>(value);
    for (int byte = 0; byte < 4; ++byte)
      hash = (hash ^ (bits >> (8 * byte) & 0xff)) * 0x100000001b3u;
  }
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4)
    text += digits[hash >> shift & 15];
  return text;
}

std::string Rotary::key(const CpuIsa &isa) const {
  std::string name = std::string(inverse ? "rotary_back" : "rotary") + "_h" +
                     std::to_string(heads) + "_n" + std::to_string(frequencies.size()) + "_f" +
                     fingerprint(frequencies);
  if (scale != 1)
    name += "_s" + std::to_string(std::bit_cast<std::uint32_t>(float(scale)));
  return name + "_" + isa.suffix;
}

IntExpr Rotary::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }
IntExpr Rotary::flops() const {
  return {0, {{0, 1, 6 * heads * static_cast<std::int64_t>(frequencies.size())}}};
}

void Rotary::emit(KernelBuilder &b) const {
  Ptr x = b.buffer(0), positions = b.buffer(1, Elem::I32), y = b.buffer(2);
  auto half = static_cast<std::int64_t>(frequencies.size());
  b.forTaskRows(b.integer(0), rowBlock, [&](Num row) {
    Num position = b.toF32(b.splat(b.load(positions[row])));
    for (std::int64_t from = 0; from < half; from += b.isa.lanes) {
      std::int64_t used = std::min<std::int64_t>(b.isa.lanes, half - from);
      std::vector<float> lanes(frequencies.begin() + from, frequencies.begin() + from + used);
      lanes.resize(b.isa.lanes, 0.0f);
      auto [sine, cosine] = b.sinCos(position * b.lanesOf(lanes));
      if (inverse)
        sine = 0.0 - sine;
      if (scale != 1)
        sine = sine * scale, cosine = cosine * scale;
      Num mask = used < b.isa.lanes ? b.firstLanes(used) : Num{};
      b.loop(0, heads, 1, [&](Num head) {
        Num at = (row * heads + head) * (2 * half) + from;
        Num left = b.loadVector(x[at], mask), right = b.loadVector(x[at + half], mask);
        b.storeVector(b.fma(left, cosine, 0.0 - right * sine), y[at], mask);
        b.storeVector(b.fma(right, cosine, left * sine), y[at + half], mask);
      });
    }
  });
}

} // namespace ftc::cpu
