// Variable-length numbers and typed fields; nothing is allocated.
#include "runtime/data/parquet/Thrift.h"

namespace ftc::rt::parquet {

std::uint8_t ThriftReader::byte() {
  if (bad || at >= bytes.size()) {
    fail();
    return 0;
  }
  return static_cast<std::uint8_t>(bytes[at++]);
}

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bad; shift += 7) {
    std::uint8_t next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
    if (next < 0x80)
      return value;
  }
  fail();
  return 0;
}

std::int64_t ThriftReader::zigzag() {
  std::uint64_t value = varint();
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

ThriftType ThriftReader::fieldHeader(std::int64_t &id) {
  std::uint8_t header = byte();
  auto type = static_cast<ThriftType>(header & 15);
  if (bad || header == 0)
    return ThriftType::Stop;
  if (type == ThriftType::Stop || type > ThriftType::Struct)
    fail();
  std::int64_t next = header >> 4 ? id + (header >> 4) : zigzag();
  if (next < -32768 || next > 32767)
    fail();
  id = next;
  return bad ? ThriftType::Stop : type;
}

std::uint64_t ThriftReader::listHeader(ThriftType type, ThriftType &item) {
  if (type != ThriftType::List && type != ThriftType::Set)
    fail();
  std::uint8_t header = byte();
  item = static_cast<ThriftType>(header & 15);
  std::uint64_t count = header >> 4 == 15 ? varint() : header >> 4;
  // Every item takes a byte at least.
  if (item == ThriftType::Stop || item > ThriftType::Struct || count > bytes.size() - at)
    fail();
  return bad ? 0 : count;
}

std::int64_t ThriftReader::integer(ThriftType type) {
  if (type == ThriftType::Byte)
    return static_cast<std::int8_t>(byte());
  if (type != ThriftType::I16 && type != ThriftType::I32 && type != ThriftType::I64) {
    fail();
    return 0;
  }
  return zigzag();
}

bool ThriftReader::boolean(ThriftType type) {
  if (type != ThriftType::True && type != ThriftType::False)
    fail();
  return type == ThriftType::True;
}

std::string_view ThriftReader::binary(ThriftType type) {
  if (type != ThriftType::Binary)
    fail();
  std::uint64_t size = varint();
  if (bad || size > bytes.size() - at) {
    fail();
    return {};
  }
  at += size;
  return bytes.substr(at - size, size);
}

void ThriftReader::skip(ThriftType type) {
  switch (type) {
  case ThriftType::True:
  case ThriftType::False:
    return;
  case ThriftType::Byte:
    byte();
    return;
  case ThriftType::I16:
  case ThriftType::I32:
  case ThriftType::I64:
    varint();
    return;
  case ThriftType::Double:
    for (int i = 0; i < 8; ++i)
      byte();
    return;
  case ThriftType::Binary:
    binary(type);
    return;
  case ThriftType::List:
  case ThriftType::Set:
    if (++depth > kMaxDepth)
      fail();
    list(type, [this](ThriftType item) {
      if (item == ThriftType::True || item == ThriftType::False)
        byte(); // in lists booleans are bytes
      else
        skip(item);
    });
    --depth;
    return;
  case ThriftType::Struct:
    structure([this](int, ThriftType field) { skip(field); });
    return;
  default: // Parquet has no maps
    fail();
  }
}

} // namespace ftc::rt::parquet
