// The safetensors header: read event by event, without a document, then held against every rule
// of the format before an offset of it is used.
#include "runtime/io/JsonEvents.h"
#include "runtime/io/SafeTensors.h"

#include "runtime/support/Checked.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace ftc::rt {

namespace {

constexpr std::uint64_t maxHeaderBytes = 100'000'000;
/// serde_json's limit, which decides what Python accepts.
constexpr int maxDepth = 127;

/// A tensor as the header tells it, before any check of its numbers.
struct Entry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Follows the header's three levels; what lies under an unknown key is skipped.
class HeaderReader final : public nlohmann::json_sax<Json> {
public:
  HeaderReader(std::string_view text, std::string_view source) : text(text), source(source) {}

  Status status = Status::ok();
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool null() override {
    if (state == State::Root && field == Field::Metadata)
      return true;
    return other("null");
  }
  bool boolean(bool value) override { return other(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return other(std::to_string(value)); }
  bool number_float(number_float_t, const string_t &digits) override {
    return other(escape(digits, 40));
  }
  bool binary(binary_t &) override { return other("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state == State::Shape)
      entries.back().shape->push_back(value);
    else if (state != State::Offsets)
      return other(std::to_string(value));
    else if (entries.back().offsets->size() == 2)
      return fail("its 'data_offsets' have more than 2 numbers, expected [begin, end]");
    else
      entries.back().offsets->push_back(value);
    return true;
  }

  bool string(string_t &value) override {
    if (state == State::Metadata) {
      if (!metadata.emplace(metadataKey, std::move(value)).second)
        return fail("__metadata__ has the key " + quote(metadataKey) + " twice");
      return true;
    }
    if (state != State::Tensor || field != Field::DType)
      return other(quote(value));
    if (!(entries.back().dtype = dtypeFromName(value)))
      return fail("its dtype is " + quote(value) +
                  ", expected one of the format's such as 'F32', 'F16', 'BF16', 'I64'");
    return true;
  }

  bool key(string_t &name) override {
    if (state == State::Root) {
      field = name == "__metadata__" ? Field::Metadata : Field::Unknown;
      if (field == Field::Metadata && seenMetadata)
        return fail("__metadata__ appears twice");
      seenMetadata = seenMetadata || field == Field::Metadata;
      if (field != Field::Metadata)
        entries.push_back({std::move(name), {}, {}, {}});
    } else if (state == State::Metadata) {
      metadataKey = std::move(name);
    } else if (state == State::Tensor) {
      Entry &entry = entries.back();
      field = name == "dtype"          ? Field::DType
              : name == "shape"        ? Field::Shape
              : name == "data_offsets" ? Field::Offsets
                                       : Field::Unknown;
      if ((field == Field::DType && entry.dtype) || (field == Field::Shape && entry.shape) ||
          (field == Field::Offsets && entry.offsets))
        return fail("it has the key " + quote(name) + " twice");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (!deeper())
      return false;
    if (state == State::Start)
      state = State::Root;
    else if (state == State::Root)
      state = field == Field::Metadata ? State::Metadata : State::Tensor;
    else
      return skip("an object");
    return true;
  }

  bool start_array(std::size_t) override {
    if (!deeper())
      return false;
    if (state == State::Tensor && field == Field::Shape) {
      state = State::Shape;
      entries.back().shape.emplace();
    } else if (state == State::Tensor && field == Field::Offsets) {
      state = State::Offsets;
      entries.back().offsets.emplace();
    } else
      return skip("an array");
    return true;
  }

  bool end_object() override {
    --depth;
    if (state == State::Skip)
      return endSkip();
    if (state == State::Tensor) {
      const Entry &entry = entries.back();
      if (!entry.dtype || !entry.shape || !entry.offsets)
        return fail(std::string("it has no '") +
                    (!entry.dtype   ? "dtype"
                     : !entry.shape ? "shape"
                                    : "data_offsets") +
                    "'");
    }
    state = state == State::Root ? State::Start : State::Root;
    return true;
  }

  bool end_array() override {
    --depth;
    if (state == State::Skip)
      return endSkip();
    if (state == State::Offsets && entries.back().offsets->size() != 2)
      return fail("its 'data_offsets' have fewer than 2 numbers, expected [begin, end]");
    state = State::Tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const Json::exception &exception) override {
    status = jsonErrorAt(text, std::string(source) + ": header", position ? position - 1 : 0,
                         jsonReason(exception.what()));
    return false;
  }

private:
  enum class State { Start, Root, Metadata, Tensor, Shape, Offsets, Skip };
  enum class Field { Unknown, Metadata, DType, Shape, Offsets };

  bool deeper() {
    if (++depth <= maxDepth)
      return true;
    return fail("the header is nested more than " + std::to_string(maxDepth) + " levels deep");
  }
  bool skip(const std::string &what) {
    if (state == State::Tensor && field == Field::Unknown) {
      state = State::Skip;
      skipDepth = 1;
      return true;
    }
    if (state == State::Skip) {
      ++skipDepth;
      return true;
    }
    return other(what);
  }
  bool endSkip() {
    if (--skipDepth == 0)
      state = State::Tensor;
    return true;
  }
  /// A value of a kind that only unknown keys may hold.
  bool other(const std::string &what) {
    switch (state) {
    case State::Skip:
      return true;
    case State::Start:
      return fail("the header is " + what + ", expected a JSON object");
    case State::Root:
      return fail(field == Field::Metadata
                      ? "__metadata__ is " + what + ", expected an object of strings"
                      : "its entry is " + what +
                            ", expected an object with dtype, shape and data_offsets");
    case State::Metadata:
      return fail("__metadata__'s " + quote(metadataKey) + " is " + what +
                  ", expected a string");
    case State::Shape:
      return fail("its 'shape' holds " + what + ", expected integers of at least 0");
    case State::Offsets:
      return fail("its 'data_offsets' hold " + what + ", expected integers of at least 0");
    case State::Tensor:
      break;
    }
    if (field == Field::DType)
      return fail("its 'dtype' is " + what + ", expected a string such as 'F32'");
    if (field == Field::Shape || field == Field::Offsets)
      return fail(std::string("its '") + (field == Field::Shape ? "shape" : "data_offsets") +
                  "' is " + what + ", expected an array");
    return true;
  }
  bool fail(const std::string &what) {
    bool named = !entries.empty() && what.starts_with("it");
    status =
        Status::error(std::string(source) +
                      (named ? ": tensor " + quote(entries.back().name) + ": " : ": ") + what);
    return false;
  }

  std::string_view text, source;
  State state = State::Start;
  Field field = Field::Unknown;
  int depth = 0;
  int skipDepth = 0;
  bool seenMetadata = false;
  std::string metadataKey;
};

/// Turns one entry, whose begin must be `expectedBegin`, into a tensor with checked sizes.
Result<TensorInfo> checkEntry(Entry &entry, std::uint64_t expectedBegin,
                              std::uint64_t dataBytes, std::string_view source) {
  auto bad = [&](const std::string &what) {
    return Status::error(std::string(source) + ": tensor " + quote(entry.name) + ": " + what);
  };
  std::uint64_t begin = (*entry.offsets)[0], end = (*entry.offsets)[1];
  if (begin != expectedBegin || end < begin)
    return bad("its data_offsets are [" + std::to_string(begin) + ", " + std::to_string(end) +
               "], expected to begin at " + std::to_string(expectedBegin) +
               " where the tensor before it ends");
  std::optional<std::uint64_t> elements =
      checkedProduct(std::span<const std::uint64_t>(*entry.shape));
  std::optional<std::uint64_t> bits;
  if (elements)
    bits = checkedMul<std::uint64_t>(*elements, dtypeBits(*entry.dtype));
  if (!bits)
    return bad("its shape times the size of " + std::string(dtypeName(*entry.dtype)) +
               " overflows 64 bits");
  if (*bits % 8)
    return bad(std::to_string(*bits) + " bits of " + std::string(dtypeName(*entry.dtype)) +
               " do not end at a byte");
  if (end - begin != *bits / 8)
    return bad("its data_offsets hold " + std::to_string(end - begin) + " bytes, expected " +
               std::to_string(*bits / 8) + " for its shape and dtype " +
               std::string(dtypeName(*entry.dtype)));
  if (end > dataBytes)
    return bad("its data ends at byte " + std::to_string(end) +
               " of the data, but the file has " + std::to_string(dataBytes) +
               "; the file was cut short, fetch it again");
  TensorInfo tensor;
  tensor.name = std::move(entry.name);
  tensor.dtype = *entry.dtype;
  tensor.shape = std::move(*entry.shape);
  tensor.elements = *elements;
  tensor.bytes = end - begin;
  tensor.offset = begin;
  return tensor;
}

} // namespace

Result<SafeTensorsHeader> parseSafeTensorsHeader(std::string_view json,
                                                 std::uint64_t dataOffset,
                                                 std::uint64_t dataBytes,
                                                 std::string_view rawSource) {
  std::string source = escape(rawSource, 200);
  FTC_RETURN_IF_ERROR(checkJsonText(json, source, maxHeaderBytes));
  if (std::optional<std::size_t> bad = findInvalidUtf8(json))
    return Status::error(source + ": the header is not UTF-8 at byte " + std::to_string(*bad));
  HeaderReader reader(json, source);
  bool good = Json::sax_parse(json.begin(), json.end(), &reader);
  if (!reader.status)
    return reader.status;
  if (!good)
    return Status::error(source + ": the header is not JSON");

  std::vector<Entry> &entries = reader.entries;
  std::vector<std::string_view> names;
  for (const Entry &entry : entries)
    names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  if (auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return Status::error(source + ": tensor " + quote(*twice) + " appears twice in the header");

  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(*a.offsets, a.name) < std::tie(*b.offsets, b.name);
  });
  SafeTensorsHeader header;
  header.metadata = std::move(reader.metadata);
  header.tensors.reserve(entries.size());
  std::uint64_t end = 0;
  for (Entry &entry : entries) {
    FTC_ASSIGN_OR_RETURN(TensorInfo tensor, checkEntry(entry, end, dataBytes, source));
    end += tensor.bytes;
    tensor.offset += dataOffset;
    header.tensors.push_back(std::move(tensor));
  }
  if (end != dataBytes)
    return Status::error(source + ": the tensors cover " + std::to_string(end) +
                         " bytes, but " + std::to_string(dataBytes) +
                         " follow the header, expected the same number");
  return header;
}

Result<SafeTensorsHeader> parseSafeTensors(std::string_view fileBytes,
                                           std::string_view source) {
  FTC_ASSIGN_OR_RETURN(std::uint64_t length,
                       safeTensorsHeaderBytes(fileBytes, fileBytes.size(), source));
  return parseSafeTensorsHeader(fileBytes.substr(8, length), 8 + length,
                                fileBytes.size() - 8 - length, source);
}

Result<std::uint64_t> safeTensorsHeaderBytes(std::string_view start, std::uint64_t fileBytes,
                                             std::string_view rawSource) {
  std::string source = escape(rawSource, 200);
  if (fileBytes < 8 || start.size() < 8)
    return Status::error(source + ": " + std::to_string(fileBytes) +
                         " bytes, expected a safetensors file of at least 8");
  std::uint64_t length;
  std::memcpy(&length, start.data(), 8);
  if (length > maxHeaderBytes)
    return Status::error(source + ": header of " + std::to_string(length) +
                         " bytes, expected at most " + std::to_string(maxHeaderBytes) +
                         "; is this a safetensors file?");
  if (length > fileBytes - 8)
    return Status::error(source + ": header of " + std::to_string(length) +
                         " bytes in a file of " + std::to_string(fileBytes) +
                         "; the file was cut short, fetch it again");
  return length;
}

Result<std::map<std::string, std::string>> parseSafeTensorsIndex(std::string_view json,
                                                                 std::string_view source) {
  FTC_ASSIGN_OR_RETURN(Json root, parseJson(json, source));
  FTC_ASSIGN_OR_RETURN(JsonObject object, JsonObject::of(root, std::string(source)));
  FTC_ASSIGN_OR_RETURN(JsonObject weightMap, object.child("weight_map"));
  std::map<std::string, std::string> map;
  for (const auto &[name, file] : weightMap.value().items()) {
    if (!file.is_string())
      return weightMap.mismatch(name, "the name of a shard file");
    const std::string &shard = file.get_ref<const std::string &>();
    if (!isBareFileName(shard) || !shard.ends_with(".safetensors"))
      return weightMap.mismatch(
          name, "a bare file name ending in .safetensors in the index's own directory");
    map.emplace(name, shard);
  }
  if (map.empty())
    return object.mismatch("weight_map", "an object that names at least one tensor");
  return map;
}

} // namespace ftc::rt
