// Blocks of miniblocks, each with its own width. Source: apache/parquet-format Encodings.md.
#include "runtime/data/parquet/DeltaEncodings.h"

#include "runtime/data/parquet/HybridReader.h"

namespace ftc::rt::parquet {

namespace {

class VarintReader {
public:
  explicit VarintReader(std::string_view bytes) : bytes(bytes) {}

  bool unsignedNumber(std::uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == bytes.size())
        return false;
      auto byte = static_cast<unsigned char>(bytes[at++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return true;
    }
    return false;
  }
  bool number(std::uint64_t &value) {
    if (!unsignedNumber(value))
      return false;
    value = (value >> 1) ^ (0 - (value & 1));
    return true;
  }
  std::string_view take(std::size_t size) {
    at += size;
    return bytes.substr(at - size, size);
  }
  std::size_t left() const { return bytes.size() - at; }
  std::size_t position() const { return at; }

private:
  std::string_view bytes;
  std::size_t at = 0;
};

Status damaged() { return Status::error("expected delta-encoded texts, got damaged bytes"); }

} // namespace

bool decodeDeltas(std::string_view bytes, std::uint64_t count, bool narrow,
                  std::vector<std::int64_t> &out, std::size_t &used) {
  constexpr std::uint64_t kMostBlock = 1 << 20;
  VarintReader reader(bytes);
  std::uint64_t block = 0, miniblocks = 0, total = 0, value = 0;
  if (!reader.unsignedNumber(block) || !reader.unsignedNumber(miniblocks) ||
      !reader.unsignedNumber(total) || !reader.number(value))
    return false;
  if (total != count || block == 0 || block > kMostBlock || miniblocks == 0 ||
      miniblocks > block || block % miniblocks != 0 || block / miniblocks % 8 != 0)
    return false;
  std::uint64_t perMiniblock = block / miniblocks, left = count;
  auto append = [&](std::uint64_t number) {
    out.push_back(narrow ? static_cast<std::int32_t>(number)
                         : static_cast<std::int64_t>(number));
    --left;
  };
  if (left > 0)
    append(value);
  while (left > 0) {
    std::uint64_t least = 0;
    if (!reader.number(least) || miniblocks > reader.left())
      return false;
    std::string_view widths = reader.take(miniblocks);
    for (std::uint64_t mini = 0; mini < miniblocks && left > 0; ++mini) {
      int width = static_cast<unsigned char>(widths[mini]);
      std::uint64_t size = perMiniblock * static_cast<std::uint64_t>(width) / 8;
      if (width > 64 || size > reader.left())
        return false;
      std::string_view packed = reader.take(size);
      for (std::uint64_t i = 0; i < perMiniblock && left > 0; ++i) {
        value += least + readBits(packed, i * static_cast<std::uint64_t>(width), width);
        append(value);
      }
    }
  }
  used = reader.position();
  return true;
}

bool decodeDeltaLengths(std::string_view bytes, std::uint64_t count,
                        std::vector<std::string_view> &out) {
  std::vector<std::int64_t> lengths;
  std::size_t at = 0;
  if (!decodeDeltas(bytes, count, /*narrow=*/true, lengths, at))
    return false;
  for (std::int64_t length : lengths) {
    if (length < 0 || static_cast<std::uint64_t>(length) > bytes.size() - at)
      return false;
    out.push_back(bytes.substr(at, static_cast<std::size_t>(length)));
    at += static_cast<std::size_t>(length);
  }
  return true;
}

Status decodeDeltaTexts(std::string_view bytes, std::uint64_t count, Budget &budget,
                        Values &out) {
  std::vector<std::int64_t> prefixes;
  std::vector<std::string_view> suffixes;
  std::size_t at = 0;
  if (!decodeDeltas(bytes, count, /*narrow=*/true, prefixes, at) ||
      !decodeDeltaLengths(bytes.substr(at), count, suffixes))
    return damaged();
  std::uint64_t size = 0, before = 0;
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    if (prefixes[i] < 0 || static_cast<std::uint64_t>(prefixes[i]) > before)
      return damaged();
    before = static_cast<std::uint64_t>(prefixes[i]) + suffixes[i].size();
    if (!budget.take(before))
      return budget.exceeded();
    size += before;
  }
  std::string &buffer = out.buffers.add({});
  buffer.reserve(size); // texts stay where they are
  std::size_t last = 0;
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    std::size_t begin = buffer.size();
    buffer.append(buffer, last, static_cast<std::size_t>(prefixes[i]));
    buffer.append(suffixes[i]);
    last = begin;
    out.texts.push_back(std::string_view(buffer).substr(begin));
  }
  return {};
}

} // namespace ftc::rt::parquet
