// Metadata by key, and tensors' numbers, of a GGUF file that GgufParser has checked.
#include "runtime/io/Gguf.h"

#include "runtime/io/GgufParser.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace ftc::rt {

/// Bytes read at once where blocks are decoded.
static constexpr std::uint64_t chunkBytes = std::uint64_t(256) << 10;
/// The most elements of a block.
static constexpr std::size_t mostBlockElements = 256;

const char *ggufTypeName(GgufType type) {
  static constexpr const char *names[] = {"UINT8",  "INT8",    "UINT16", "INT16",  "UINT32",
                                          "INT32",  "FLOAT32", "BOOL",   "STRING", "ARRAY",
                                          "UINT64", "INT64",   "FLOAT64"};
  return names[static_cast<std::uint32_t>(type)];
}

Result<std::optional<std::string>> findGguf(const std::string &path) {
  using Found = std::optional<std::string>;
  if (isFile(path)) {
    if (path.ends_with(".gguf"))
      return Found(path);
    FTC_ASSIGN_OR_RETURN(File file, File::open(path));
    char magic[4] = {};
    if (file.size() >= 4)
      FTC_RETURN_IF_ERROR(file.readAt(0, magic, 4));
    return std::memcmp(magic, "GGUF", 4) == 0 ? Found(path) : Found();
  }
  if (!isDirectory(path) || hasSafeTensors(path))
    return Found();
  FTC_ASSIGN_OR_RETURN(std::vector<std::string> names, listDirectory(path));
  std::erase_if(names, [](const std::string &name) { return !name.ends_with(".gguf"); });
  if (names.size() > 1)
    return Status::error(quote(path, 160) + " has " + std::to_string(names.size()) +
                         " GGUF files: " + quoteList(names, 3) + "; expected one: name it");
  return names.empty() ? Found() : Found(joinPath(path, names.front()));
}

Result<GgufFile> GgufFile::open(const std::string &path) {
  GgufFile out;
  out.name = path;
  FTC_ASSIGN_OR_RETURN(out.disk, File::open(path));
  FTC_RETURN_IF_ERROR(GgufParser(out, out.disk->size()).parse());
  return out;
}

Result<GgufFile> GgufFile::fromBytes(std::string bytes, std::string source) {
  GgufFile out;
  out.name = std::move(source);
  out.header = std::move(bytes);
  FTC_RETURN_IF_ERROR(GgufParser(out, out.header.size()).parse());
  return out;
}

const GgufTensor *GgufFile::find(std::string_view tensor) const {
  for (const GgufTensor &info : tensorInfos)
    if (info.name == tensor)
      return &info;
  return nullptr;
}

std::vector<std::string> GgufFile::keys() const {
  std::vector<std::string> out;
  for (const auto &[key, value] : values)
    out.push_back(key);
  return out;
}

Status GgufFile::keyError(std::string_view key, const std::string &what) const {
  return Status::error(escape(name, 160) + ": metadata " + quote(key, 60) + " " + what);
}

template <typename T> T GgufFile::at(std::size_t offset) const {
  T value;
  std::memcpy(&value, header.data() + offset, sizeof value);
  return value;
}

/// The string whose length stands at `offset`, which moves behind it.
std::string_view GgufFile::stringAt(std::size_t &offset) const {
  std::uint64_t length = at<std::uint64_t>(offset);
  std::string_view text(header.data() + offset + 8, length);
  offset += 8 + length;
  return text;
}

Result<const GgufFile::Value *> GgufFile::find(std::string_view key, GgufType type) const {
  auto found = values.find(key);
  if (found == values.end())
    return keyError(key, std::string("is missing, expected a ") + ggufTypeName(type));
  if (found->second.type != type)
    return keyError(key, std::string("has type ") + ggufTypeName(found->second.type) +
                             ", expected " + ggufTypeName(type));
  return &found->second;
}

Result<const GgufFile::Value *> GgufFile::findArray(std::string_view key,
                                                    GgufType element) const {
  FTC_ASSIGN_OR_RETURN(const Value *value, find(key, GgufType::Array));
  if (value->element != element)
    return keyError(key, std::string("is an array of ") + ggufTypeName(value->element) +
                             ", expected " + ggufTypeName(element));
  return value;
}

/// A value of an integer type; nothing when it is of another or above INT64_MAX.
std::optional<std::int64_t> GgufFile::integerAt(const Value &value) const {
  switch (value.type) {
  case GgufType::Uint8:
    return at<std::uint8_t>(value.begin);
  case GgufType::Int8:
    return at<std::int8_t>(value.begin);
  case GgufType::Uint16:
    return at<std::uint16_t>(value.begin);
  case GgufType::Int16:
    return at<std::int16_t>(value.begin);
  case GgufType::Uint32:
    return at<std::uint32_t>(value.begin);
  case GgufType::Int32:
    return at<std::int32_t>(value.begin);
  case GgufType::Int64:
    return at<std::int64_t>(value.begin);
  case GgufType::Uint64: {
    std::uint64_t wide = at<std::uint64_t>(value.begin);
    if (wide <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(wide);
    return std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

Result<std::int64_t> GgufFile::integer(std::string_view key, std::int64_t min,
                                       std::int64_t max) const {
  std::string range =
      "expected an integer from " + std::to_string(min) + " to " + std::to_string(max);
  auto found = values.find(key);
  if (found == values.end())
    return keyError(key, "is missing, " + range);
  std::optional<std::int64_t> value = integerAt(found->second);
  if (!value)
    return keyError(key,
                    std::string("has type ") + ggufTypeName(found->second.type) + ", " + range);
  if (*value < min || *value > max)
    return keyError(key, "is " + std::to_string(*value) + ", " + range);
  return *value;
}

Result<std::int64_t> GgufFile::integerOr(std::string_view key, std::int64_t fallback,
                                         std::int64_t min, std::int64_t max) const {
  if (!has(key))
    return fallback;
  return integer(key, min, max);
}

Result<double> GgufFile::number(std::string_view key) const {
  auto found = values.find(key);
  if (found == values.end())
    return keyError(key, "is missing, expected a FLOAT32");
  double value = 0;
  if (found->second.type == GgufType::Float64) {
    value = at<double>(found->second.begin);
  } else if (found->second.type == GgufType::Float32) {
    float narrow = at<float>(found->second.begin);
    char text[64];
    char *end = std::to_chars(text, text + sizeof text, narrow).ptr;
    value = narrow;
    if (std::isfinite(narrow))
      std::from_chars(text, end, value);
  } else {
    return keyError(key, std::string("has type ") + ggufTypeName(found->second.type) +
                             ", expected FLOAT32");
  }
  if (!std::isfinite(value))
    return keyError(key, "is not finite, expected a number");
  return value;
}

Result<bool> GgufFile::booleanOr(std::string_view key, bool fallback) const {
  if (!has(key))
    return fallback;
  FTC_ASSIGN_OR_RETURN(const Value *value, find(key, GgufType::Bool));
  return header[value->begin] != 0;
}

Result<std::string> GgufFile::string(std::string_view key) const {
  FTC_ASSIGN_OR_RETURN(const Value *value, find(key, GgufType::String));
  std::size_t offset = value->begin;
  std::string text(stringAt(offset));
  if (!isValidUtf8(text))
    return keyError(key, "is " + quote(text, 60) + ", expected UTF-8");
  return text;
}

Result<std::string> GgufFile::stringOr(std::string_view key, std::string_view fallback) const {
  if (!has(key))
    return std::string(fallback);
  return string(key);
}

Result<std::vector<std::string>> GgufFile::strings(std::string_view key) const {
  FTC_ASSIGN_OR_RETURN(const Value *value, findArray(key, GgufType::String));
  std::vector<std::string> out;
  std::size_t offset = value->begin;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    out.emplace_back(stringAt(offset));
    if (!isValidUtf8(out.back()))
      return keyError(key, "has " + quote(out.back(), 60) + " as element " + std::to_string(i) +
                               ", expected UTF-8");
  }
  return out;
}

Result<std::vector<std::int32_t>> GgufFile::int32s(std::string_view key) const {
  FTC_ASSIGN_OR_RETURN(const Value *value, findArray(key, GgufType::Int32));
  std::vector<std::int32_t> out(value->count);
  if (value->count)
    std::memcpy(out.data(), header.data() + value->begin, value->count * 4);
  return out;
}

Result<std::vector<float>> GgufFile::float32s(std::string_view key) const {
  FTC_ASSIGN_OR_RETURN(const Value *value, findArray(key, GgufType::Float32));
  std::vector<float> out(value->count);
  if (value->count)
    std::memcpy(out.data(), header.data() + value->begin, value->count * 4);
  return out;
}

Status GgufFile::readBytes(std::uint64_t offset, std::byte *out, std::size_t count) const {
  if (disk)
    return disk->readAt(offset, out, count);
  std::memcpy(out, header.data() + offset, count);
  return Status::ok();
}

Status GgufFile::readAsF32(const GgufTensor &tensor, float *out, std::uint64_t first,
                           std::uint64_t count) const {
  if (first > tensor.elements || count > tensor.elements - first)
    return Status::error(escape(name, 160) + ": tensor " + quote(tensor.name) + ": elements " +
                         std::to_string(first) + " to " + std::to_string(first + count) +
                         " asked for, it has " + std::to_string(tensor.elements));
  const std::uint64_t size = tensor.type->blockElements, bytes = tensor.type->blockBytes;
  const std::uint64_t end = first + count;
  std::uint64_t most = std::min((count + size - 1) / size + 1, chunkBytes / bytes);
  std::vector<std::byte> raw(most * bytes);
  float whole[mostBlockElements];
  for (std::uint64_t at = first; at < end;) {
    std::uint64_t skip = at % size;
    // Blocks that are wanted in part go one by one through `whole`.
    bool partly = skip != 0 || end - at < size;
    std::uint64_t blocks = partly ? 1 : std::min((end - at) / size, most);
    FTC_RETURN_IF_ERROR(
        readBytes(tensor.offset + at / size * bytes, raw.data(), blocks * bytes));
    std::uint64_t taken = partly ? std::min(size - skip, end - at) : blocks * size;
    tensor.type->decode(raw.data(), blocks, partly ? whole : out);
    if (partly)
      std::copy_n(whole + skip, taken, out);
    out += taken;
    at += taken;
  }
  return Status::ok();
}

} // namespace ftc::rt
