// Reads a GGUF header front to back, a bounded part of the file at a time.
#include "runtime/io/GgufParser.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace ftc::rt {

namespace {

/// A vocabulary of 256,000 tokens with its merges takes some 16 MiB.
constexpr std::uint64_t mostHeaderBytes = std::uint64_t(256) << 20;
constexpr std::uint64_t mostStringBytes = std::uint64_t(64) << 20;
constexpr std::uint64_t mostKeyBytes = 65535; ///< the format's
constexpr std::uint64_t mostNameBytes = 64;   ///< the format's
constexpr std::uint32_t mostDimensions = 4;   ///< ggml's
constexpr std::uint64_t mostAlignment = 1 << 20;
/// Bytes read from a file at once.
constexpr std::uint64_t step = std::uint64_t(1) << 20;
/// What a value (key length, type, one byte) and a tensor info without dimensions take at
/// least.
constexpr std::uint64_t leastValueBytes = 8 + 4 + 1, leastTensorBytes = 8 + 4 + 4 + 8;

std::uint64_t scalarBytes(GgufType type) {
  switch (type) {
  case GgufType::Uint8:
  case GgufType::Int8:
  case GgufType::Bool:
    return 1;
  case GgufType::Uint16:
  case GgufType::Int16:
    return 2;
  case GgufType::Uint32:
  case GgufType::Int32:
  case GgufType::Float32:
    return 4;
  default:
    return 8; // The 64-bit types; a string takes its length at least.
  }
}

std::string ordinal(const char *what, std::uint64_t index, std::uint64_t count) {
  return std::string(what) + " " + std::to_string(index + 1) + " of " + std::to_string(count);
}

} // namespace

Status GgufParser::error(const std::string &what) const {
  return Status::error(escape(out.source(), 160) + ": " + what);
}

Status GgufParser::need(std::uint64_t count, const std::string &what) {
  if (count > total - at)
    return error("truncated: " + what + " needs " + std::to_string(count) +
                 " bytes from byte " + std::to_string(at) + ", the file has " +
                 std::to_string(total) + "; fetch it again");
  std::uint64_t end = at + count;
  if (end <= out.header.size())
    return Status::ok();
  if (end > mostHeaderBytes)
    return error("expected a header of at most " + describeBytes(mostHeaderBytes) + ", " +
                 what + " goes beyond it");
  std::uint64_t have = out.header.size();
  end = std::min(total, std::max(end, have + step));
  out.header.resize(end);
  return out.disk->readAt(have, out.header.data() + have, end - have);
}

template <typename T> Result<T> GgufParser::read(const std::string &what) {
  FTC_RETURN_IF_ERROR(need(sizeof(T), what));
  T value;
  std::memcpy(&value, out.header.data() + at, sizeof value);
  at += sizeof value;
  return value;
}

Result<std::string_view> GgufParser::readString(std::uint64_t most, const std::string &what) {
  FTC_ASSIGN_OR_RETURN(std::uint64_t length, read<std::uint64_t>("the length of " + what));
  if (length > total - at)
    FTC_RETURN_IF_ERROR(need(length, what));
  if (length > most)
    return error(what + " has " + std::to_string(length) + " bytes, expected at most " +
                 std::to_string(most));
  FTC_RETURN_IF_ERROR(need(length, what));
  std::string_view text(out.header.data() + at, length);
  at += length;
  return text;
}

Result<GgufType> GgufParser::readType(const std::string &what) {
  FTC_ASSIGN_OR_RETURN(std::uint32_t type, read<std::uint32_t>("the type of " + what));
  if (type > static_cast<std::uint32_t>(GgufType::Float64))
    return error(what + " has type " + std::to_string(type) + ", expected 0 (UINT8) to 12 (" +
                 ggufTypeName(GgufType::Float64) + ")");
  return static_cast<GgufType>(type);
}

Status GgufParser::readStart(std::uint64_t &tensorCount, std::uint64_t &valueCount) {
  FTC_RETURN_IF_ERROR(need(4, "the magic 'GGUF'"));
  std::string_view magic(out.header.data(), 4);
  if (magic != "GGUF")
    return error("begins with " + quote(magic, 24) + ", expected 'GGUF': not a GGUF file");
  at = 4;
  FTC_ASSIGN_OR_RETURN(std::uint32_t version, read<std::uint32_t>("the version"));
  if (version != 0 && (version & 0xFFFF) == 0)
    return error("version " + std::to_string(version) +
                 ": a big-endian file, which is not supported; expected version 2 or 3");
  if (version != 2 && version != 3)
    return error("version " + std::to_string(version) +
                 " is not supported, expected 2 or 3; convert the model again");
  out.formatVersion = version;
  FTC_ASSIGN_OR_RETURN(tensorCount, read<std::uint64_t>("the number of tensors"));
  FTC_ASSIGN_OR_RETURN(valueCount, read<std::uint64_t>("the number of metadata values"));
  std::uint64_t left = total - at;
  if (valueCount > left / leastValueBytes)
    return error("truncated or damaged: " + std::to_string(valueCount) +
                 " metadata values do not fit into the " + std::to_string(left) +
                 " bytes that follow");
  if (tensorCount > left / leastTensorBytes)
    return error("truncated or damaged: " + std::to_string(tensorCount) +
                 " tensors do not fit into the " + std::to_string(left) + " bytes that follow");
  return Status::ok();
}

Status GgufParser::skipScalar(GgufType type, const std::string &what) {
  if (type == GgufType::String) {
    FTC_ASSIGN_OR_RETURN(std::string_view text, readString(mostStringBytes, what));
    (void)text;
    return Status::ok();
  }
  std::uint64_t bytes = scalarBytes(type);
  FTC_RETURN_IF_ERROR(need(bytes, what));
  if (type == GgufType::Bool && static_cast<unsigned char>(out.header[at]) > 1)
    return error(what + ": a BOOL of " +
                 std::to_string(static_cast<unsigned char>(out.header[at])) +
                 ", expected 0 or 1");
  at += bytes;
  return Status::ok();
}

Status GgufParser::readArray(GgufFile::Value &value, const std::string &what) {
  FTC_ASSIGN_OR_RETURN(value.element, readType(what));
  if (value.element == GgufType::Array)
    return error(what + " is an array of arrays, which is not supported");
  FTC_ASSIGN_OR_RETURN(value.count, read<std::uint64_t>("the length of " + what));
  std::uint64_t size = scalarBytes(value.element);
  if (value.count > (total - at) / size)
    return error("truncated or damaged: " + what + " has " + std::to_string(value.count) +
                 " elements of " + ggufTypeName(value.element) +
                 ", which do not fit into the " + std::to_string(total - at) +
                 " bytes that follow");
  value.begin = at;
  if (value.element == GgufType::String || value.element == GgufType::Bool) {
    for (std::uint64_t i = 0; i < value.count; ++i)
      FTC_RETURN_IF_ERROR(skipScalar(value.element, what));
    return Status::ok();
  }
  FTC_RETURN_IF_ERROR(need(value.count * size, what));
  at += value.count * size;
  return Status::ok();
}

Status GgufParser::readValue(std::uint64_t index, std::uint64_t count) {
  std::string what = "the key of " + ordinal("metadata value", index, count);
  FTC_ASSIGN_OR_RETURN(std::string_view keyText, readString(mostKeyBytes, what));
  std::string key(keyText);
  if (key.empty() || !isValidUtf8(key))
    return error(what + " is " + quote(key, 60) + ", expected a name in UTF-8");
  what = "metadata " + quote(key, 60);
  GgufFile::Value value;
  FTC_ASSIGN_OR_RETURN(value.type, readType(what));
  value.begin = at;
  if (value.type == GgufType::Array)
    FTC_RETURN_IF_ERROR(readArray(value, what));
  else
    FTC_RETURN_IF_ERROR(skipScalar(value.type, what));
  if (!out.values.emplace(std::move(key), value).second)
    return error(what + " is there twice, expected each key once");
  return Status::ok();
}

Status GgufParser::readAlignment() {
  constexpr const char *key = "general.alignment";
  if (!out.has(key))
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(std::int64_t value, out.integer(key, 1, mostAlignment));
  if (value & (value - 1))
    return error("metadata 'general.alignment' is " + std::to_string(value) +
                 ", expected a power of two");
  alignment = static_cast<std::uint64_t>(value);
  return Status::ok();
}

Status GgufParser::readDimensions(GgufTensor &tensor, const std::string &what) {
  FTC_ASSIGN_OR_RETURN(std::uint32_t rank,
                       read<std::uint32_t>("the number of dimensions of " + what));
  if (rank > mostDimensions)
    return error(what + " has " + std::to_string(rank) + " dimensions, expected at most " +
                 std::to_string(mostDimensions));
  tensor.elements = 1;
  for (std::uint32_t i = 0; i < rank; ++i) {
    FTC_ASSIGN_OR_RETURN(std::uint64_t size, read<std::uint64_t>("the shape of " + what));
    if (size == 0)
      return error(what + " has a dimension of 0, expected at least 1");
    if (__builtin_mul_overflow(tensor.elements, size, &tensor.elements))
      return error(what + " has more elements than 64 bits count");
    tensor.dimensions.push_back(size);
  }
  return Status::ok();
}

Status GgufParser::readTensor(std::uint64_t index, std::uint64_t count) {
  std::string what = "the name of " + ordinal("tensor", index, count);
  FTC_ASSIGN_OR_RETURN(std::string_view nameText, readString(mostNameBytes, what));
  GgufTensor tensor;
  tensor.name = nameText;
  if (tensor.name.empty() || !isValidUtf8(tensor.name))
    return error(what + " is " + quote(tensor.name, 60) + ", expected a name in UTF-8");
  what = "tensor " + quote(tensor.name, 64);
  FTC_RETURN_IF_ERROR(readDimensions(tensor, what));
  FTC_ASSIGN_OR_RETURN(std::uint32_t type, read<std::uint32_t>("the type of " + what));
  tensor.type = findGgmlType(type);
  if (!tensor.type || !tensor.type->decode)
    return error(what + " has type " +
                 (tensor.type ? std::string(tensor.type->name) + ", which is not supported"
                              : std::to_string(type) + ", which ggml does not have") +
                 "; expected " + decodableGgmlTypes());
  std::uint64_t row = tensor.dimensions.empty() ? 1 : tensor.dimensions.front();
  if (row % tensor.type->blockElements)
    return error(what + " has rows of " + std::to_string(row) + " elements, expected whole " +
                 tensor.type->name + " blocks of " +
                 std::to_string(tensor.type->blockElements));
  if (__builtin_mul_overflow(tensor.elements / tensor.type->blockElements,
                             std::uint64_t(tensor.type->blockBytes), &tensor.bytes))
    return error(what + " has more bytes than 64 bits count");
  FTC_ASSIGN_OR_RETURN(tensor.offset, read<std::uint64_t>("the offset of " + what));
  out.tensorInfos.push_back(std::move(tensor));
  return Status::ok();
}

Status GgufParser::placeTensors() {
  std::uint64_t begin = (at + alignment - 1) / alignment * alignment;
  std::vector<const GgufTensor *> order;
  std::set<std::string_view> names;
  for (GgufTensor &tensor : out.tensorInfos) {
    std::string what = "tensor " + quote(tensor.name, 64);
    if (!names.insert(tensor.name).second)
      return error(what + " is there twice, expected each name once");
    if (tensor.offset % alignment)
      return error(what + " begins at offset " + std::to_string(tensor.offset) +
                   ", expected a multiple of the alignment " + std::to_string(alignment));
    if (begin > total || tensor.offset > total - begin ||
        tensor.bytes > total - begin - tensor.offset)
      return error("truncated: " + what + " has " + std::to_string(tensor.bytes) +
                   " bytes from offset " + std::to_string(tensor.offset) +
                   " of the data, which begin at byte " + std::to_string(begin) +
                   "; the file has " + std::to_string(total) + "; fetch it again");
    tensor.offset += begin;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const GgufTensor *a, const GgufTensor *b) {
    return a->offset != b->offset ? a->offset < b->offset : a->name < b->name;
  });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
      return error("tensors " + quote(order[i - 1]->name, 64) + " and " +
                   quote(order[i]->name, 64) + " overlap at byte " +
                   std::to_string(order[i]->offset));
  return Status::ok();
}

Status GgufParser::parse() {
  std::uint64_t tensorCount, valueCount;
  FTC_RETURN_IF_ERROR(readStart(tensorCount, valueCount));
  for (std::uint64_t i = 0; i < valueCount; ++i)
    FTC_RETURN_IF_ERROR(readValue(i, valueCount));
  FTC_RETURN_IF_ERROR(readAlignment());
  for (std::uint64_t i = 0; i < tensorCount; ++i)
    FTC_RETURN_IF_ERROR(readTensor(i, tensorCount));
  return placeTensors();
}

} // namespace ftc::rt
