// Runs, one header each.
#include "runtime/data/parquet/HybridReader.h"

#include <algorithm>

namespace ftc::rt::parquet {

std::uint64_t readBits(std::string_view bytes, std::uint64_t bit, int width) {
  std::uint64_t value = 0;
  int have = 0;
  std::size_t at = bit / 8;
  int skip = static_cast<int>(bit % 8);
  while (have < width && at < bytes.size()) {
    std::uint64_t byte = static_cast<unsigned char>(bytes[at++]) >> skip;
    value |= byte << have;
    have += 8 - skip;
    skip = 0;
  }
  return width >= 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

bool HybridReader::nextRun(std::uint64_t most, Run &run) {
  std::uint64_t header = 0;
  for (int shift = 0;; shift += 7) {
    if (at >= bytes.size() || shift > 56)
      return false;
    auto byte = static_cast<unsigned char>(bytes[at++]);
    header |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      break;
  }
  run.packed = header & 1;
  std::uint64_t left = bytes.size() - at, bits = static_cast<std::uint64_t>(width);
  if (!run.packed) {
    std::uint64_t size = (bits + 7) / 8;
    run.values = std::min(header >> 1, most);
    if (size > left || header >> 1 == 0)
      return false;
    run.value = readBits(bytes.substr(at), 0, width);
    at += size;
    return true;
  }
  std::uint64_t groups = header >> 1;
  if (groups == 0 || groups > (std::uint64_t{1} << 32))
    return false;
  run.values = std::min(groups * 8, most);
  // Some writers leave out the padding of the last group.
  if ((run.values * bits + 7) / 8 > left)
    return false;
  run.bytes = bytes.substr(at);
  at += std::min(groups * bits, left);
  return true;
}

} // namespace ftc::rt::parquet
