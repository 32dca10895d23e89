// ThriftReader: Thrift's compact protocol, as Parquet's footer and page headers are written in
// it. Every length is checked against the bytes there are; after a failure every read gives
// nothing. Source: apache/thrift doc/specs/thrift-compact-protocol.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace ftc::rt::parquet {

enum class ThriftType : std::uint8_t {
  Stop = 0,
  True = 1,
  False = 2,
  Byte = 3,
  I16 = 4,
  I32 = 5,
  I64 = 6,
  Double = 7,
  Binary = 8,
  List = 9,
  Set = 10,
  Map = 11,
  Struct = 12
};

class ThriftReader {
public:
  explicit ThriftReader(std::string_view bytes) : bytes(bytes) {}

  bool failed() const { return bad; }
  /// Bytes read so far.
  std::size_t position() const { return at; }

  /// Reads a struct: `onField(id, type)` for each field, which it reads or skips.
  template <typename OnField> void structure(const OnField &onField) {
    if (++depth > kMaxDepth)
      fail();
    std::int64_t id = 0;
    for (;;) {
      ThriftType type = fieldHeader(id);
      if (bad || type == ThriftType::Stop)
        break;
      onField(static_cast<int>(id), type);
    }
    --depth;
  }

  /// Reads a list: `onItem(type)` for each item.
  template <typename OnItem> void list(ThriftType type, const OnItem &onItem) {
    ThriftType item = ThriftType::Stop;
    for (std::uint64_t left = listHeader(type, item); left > 0 && !bad; --left)
      onItem(item);
  }

  /// A whole number of any width; another type fails.
  std::int64_t integer(ThriftType type);
  /// A boolean that is a field (its type is its value).
  bool boolean(ThriftType type);
  /// A string or binary; another type fails.
  std::string_view binary(ThriftType type);
  void skip(ThriftType type);

private:
  static constexpr int kMaxDepth = 24;

  void fail() { bad = true; }
  ThriftType fieldHeader(std::int64_t &id);
  std::uint64_t listHeader(ThriftType type, ThriftType &item);
  std::uint8_t byte();
  std::uint64_t varint();
  std::int64_t zigzag();

  std::string_view bytes;
  std::size_t at = 0;
  int depth = 0;
  bool bad = false;
};

} // namespace ftc::rt::parquet
