// Values by encoding.
#include "runtime/data/parquet/Values.h"

#include "runtime/data/parquet/DeltaEncodings.h"
#include "runtime/data/parquet/HybridReader.h"

#include <bit>
#include <cstring>

namespace ftc::rt::parquet {

namespace {

/// parquet.thrift's Encoding.
enum Encoding {
  Plain = 0,
  PlainDictionary = 2,
  Rle = 3,
  DeltaBinaryPacked = 5,
  DeltaLengthByteArray = 6,
  DeltaByteArray = 7,
  RleDictionary = 8,
  ByteStreamSplit = 9
};

static_assert(std::endian::native == std::endian::little);

template <typename T> T readAs(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

Status tooShort(std::uint64_t count) {
  return Status::error("expected " + std::to_string(count) +
                       " values in a page, got fewer bytes than they take");
}

std::size_t widthOf(const ValueForm &form) {
  switch (form.type) {
  case PhysicalType::Int32:
  case PhysicalType::Float:
    return 4;
  case PhysicalType::Int64:
  case PhysicalType::Double:
    return 8;
  case PhysicalType::Int96:
    return 12;
  case PhysicalType::FixedLenByteArray:
    return form.typeLength;
  default:
    return 0;
  }
}

/// One value of a fixed width.
void appendFixed(const ValueForm &form, const char *bytes, Values &out) {
  switch (form.type) {
  case PhysicalType::Int32:
    out.integers.push_back(readAs<std::int32_t>(bytes));
    return;
  case PhysicalType::Int64:
    out.integers.push_back(readAs<std::int64_t>(bytes));
    return;
  case PhysicalType::Float:
    out.reals.push_back(readAs<float>(bytes));
    return;
  case PhysicalType::Double:
    out.reals.push_back(readAs<double>(bytes));
    return;
  default:
    out.texts.emplace_back(bytes, widthOf(form));
  }
}

Status decodeDictionary(std::string_view bytes, std::uint64_t count, const Values &dictionary,
                        Values &out) {
  if (count == 0)
    return {};
  int width = bytes.empty() ? 99 : static_cast<unsigned char>(bytes[0]);
  if (width > 32)
    return Status::error("expected dictionary indices of at most 32 bits, got damaged bytes");
  bool outside = false;
  std::size_t size = dictionary.size();
  auto append = [&](std::uint32_t index) {
    outside |= index >= size;
    if (outside)
      return;
    if (!dictionary.texts.empty())
      out.texts.push_back(dictionary.texts[index]);
    else if (!dictionary.reals.empty())
      out.reals.push_back(dictionary.reals[index]);
    else
      out.integers.push_back(dictionary.integers[index]);
  };
  if (width == 0 && bytes.size() == 1) { // one entry, and nothing to tell
    for (std::uint64_t i = 0; i < count; ++i)
      append(0);
  } else if (!HybridReader(bytes.substr(1), width).read(count, append)) {
    return tooShort(count);
  }
  if (outside)
    return Status::error("expected indices below " + std::to_string(size) +
                         ", the dictionary's size, got a larger one");
  return {};
}

Status decodeSplit(const ValueForm &form, std::string_view bytes, std::uint64_t count,
                   Values &out) {
  std::size_t width = widthOf(form);
  if (width == 0)
    return Status::error(
        "the encoding BYTE_STREAM_SPLIT of values without a fixed width is not "
        "supported");
  if (count > bytes.size() / width)
    return tooShort(count);
  std::string &joined = out.buffers.add(std::string(count * width, '\0'));
  for (std::size_t stream = 0; stream < width; ++stream)
    for (std::size_t i = 0; i < count; ++i)
      joined[i * width + stream] = bytes[stream * count + i];
  for (std::size_t i = 0; i < count; ++i)
    appendFixed(form, joined.data() + i * width, out);
  return {};
}

Status decodeBooleans(std::string_view bytes, std::uint64_t count, Values &out) {
  if (bytes.size() < 4 || readAs<std::uint32_t>(bytes.data()) > bytes.size() - 4)
    return tooShort(count);
  HybridReader reader(bytes.substr(4, readAs<std::uint32_t>(bytes.data())), 1);
  return reader.read(count, [&](std::uint32_t bit) { out.integers.push_back(bit); })
             ? Status::ok()
             : tooShort(count);
}

} // namespace

Status decodePlain(const ValueForm &form, std::string_view bytes, std::uint64_t count,
                   Values &out) {
  if (form.type == PhysicalType::Boolean) {
    if (count > bytes.size() * std::uint64_t{8})
      return tooShort(count);
    for (std::uint64_t i = 0; i < count; ++i)
      out.integers.push_back(static_cast<std::int64_t>(readBits(bytes, i, 1)));
    return {};
  }
  if (form.type == PhysicalType::ByteArray) {
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (bytes.size() - at < 4)
        return tooShort(count);
      std::size_t length = readAs<std::uint32_t>(bytes.data() + at);
      at += 4;
      if (length > bytes.size() - at)
        return tooShort(count);
      out.texts.push_back(bytes.substr(at, length));
      at += length;
    }
    return {};
  }
  std::size_t width = widthOf(form);
  if (width == 0 ? count > 0 : count > bytes.size() / width)
    return tooShort(count);
  for (std::uint64_t i = 0; i < count; ++i)
    appendFixed(form, bytes.data() + i * width, out);
  return {};
}

Status decodeValues(const ValueForm &form, std::int64_t encoding, std::string_view bytes,
                    std::uint64_t count, const Values &dictionary, Budget &budget,
                    Values &out) {
  bool whole = form.type == PhysicalType::Int32 || form.type == PhysicalType::Int64;
  bool text = form.type == PhysicalType::ByteArray;
  std::size_t used = 0;
  switch (encoding) {
  case Plain:
    return decodePlain(form, bytes, count, out);
  case PlainDictionary:
  case RleDictionary:
    return decodeDictionary(bytes, count, dictionary, out);
  case Rle:
    if (form.type == PhysicalType::Boolean)
      return decodeBooleans(bytes, count, out);
    break;
  case DeltaBinaryPacked:
    if (whole)
      return decodeDeltas(bytes, count, form.type == PhysicalType::Int32, out.integers, used)
                 ? Status::ok()
                 : tooShort(count);
    break;
  case DeltaLengthByteArray:
    if (text)
      return decodeDeltaLengths(bytes, count, out.texts) ? Status::ok() : tooShort(count);
    break;
  case DeltaByteArray:
    if (text || form.type == PhysicalType::FixedLenByteArray)
      return decodeDeltaTexts(bytes, count, budget, out);
    break;
  case ByteStreamSplit:
    return decodeSplit(form, bytes, count, out);
  default:
    break;
  }
  return Status::error("the encoding " + std::to_string(encoding) +
                       " of such values is not supported; write the file with pyarrow's "
                       "defaults");
}

} // namespace ftc::rt::parquet
