// The parsers under test, with the promises that hold for whatever they accept or refuse.
#include "test/fuzz/Parsers.h"

#include "runtime/checkpoint/CheckpointWriter.h"
#include "runtime/io/Json.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "test/fuzz/DataParsers.h"
#include "test/fuzz/GgufParsers.h"
#include "test/fuzz/Promises.h"
#include "test/fuzz/TokenizerParsers.h"

namespace ftc::test {

using namespace ftc::rt;

namespace {

Status checkHeader(Result<SafeTensorsHeader> parsed, std::uint64_t begin, std::uint64_t end) {
  if (!parsed)
    return checked(parsed.takeStatus());
  std::uint64_t at = begin;
  for (const TensorInfo &tensor : parsed->tensors) {
    require(tensor.offset == at, "tensors are contiguous");
    require(tensor.bytes <= end - at, "tensors lie within the file");
    require((tensor.bytes == 0) == (tensor.elements == 0),
            "a tensor without elements has no bytes, and the reverse");
    at += tensor.bytes;
  }
  require(at == end, "tensors end with the file");
  return Status::ok();
}

Status parseFile(std::string_view bytes) {
  Result<SafeTensorsHeader> parsed = parseSafeTensors(bytes, "m.safetensors");
  std::uint64_t begin = bytes.size();
  if (parsed)
    begin = 8 + *safeTensorsHeaderBytes(bytes, bytes.size(), "m.safetensors");
  return checkHeader(std::move(parsed), begin, bytes.size());
}

/// Two bytes say how much data there is, the rest is the header's JSON: no length to get right.
Status parseHeader(std::string_view bytes) {
  if (bytes.size() < 2)
    return Status::error("too short");
  std::uint64_t data =
      static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  return checkHeader(parseSafeTensorsHeader(bytes.substr(2), 1000, data, "m.safetensors"), 1000,
                     1000 + data);
}

Status parseIndex(std::string_view bytes) {
  auto map = parseSafeTensorsIndex(bytes, "model.safetensors.index.json");
  if (!map)
    return checked(map.takeStatus());
  require(!map->empty(), "an index names tensors");
  for (const auto &[name, file] : *map)
    require(isBareFileName(file) && file.ends_with(".safetensors"), "shards are bare names");
  return Status::ok();
}

/// A config read as frontends do: every getter on every key.
Status parseConfig(std::string_view bytes) {
  Result<Json> root = parseJson(bytes, "config.json");
  if (!root)
    return checked(root.takeStatus());
  Result<JsonObject> object = JsonObject::of(*root, "config.json");
  if (!object)
    return checked(object.takeStatus());
  for (const auto &[key, value] : root->items()) {
    Result<std::int64_t> integer = object->integer(key, 1, 1024);
    require(!integer || (*integer >= 1 && *integer <= 1024), "integers are in range");
    if (!integer)
      (void)checked(integer.takeStatus());
    if (Result<double> number = object->number(key, 0, 1); !number)
      (void)checked(number.takeStatus());
    if (Result<std::string> text = object->string(key); !text)
      (void)checked(text.takeStatus());
    if (Result<bool> flag = object->boolean(key); !flag)
      (void)checked(flag.takeStatus());
    if (auto choice = object->choice(key, {"bert", "gelu"}); !choice)
      (void)checked(choice.takeStatus());
    if (auto strings = object->strings(key); !strings)
      (void)checked(strings.takeStatus());
    if (auto integers = object->integers(key, 0, 9); !integers)
      (void)checked(integers.takeStatus());
    if (Result<JsonObject> child = object->child(key); !child)
      (void)checked(child.takeStatus());
  }
  std::string text = dumpJson(*root);
  Result<Json> again = parseJson(text, "config.json");
  require(again && dumpJson(*again) == text, "what is written parses to the same");
  return Status::ok();
}

Status parseManifestBytes(std::string_view bytes) {
  Result<Manifest> manifest = parseManifest(bytes, "manifest.json");
  if (!manifest)
    return checked(manifest.takeStatus());
  require(manifest->step >= 0 && isSha256Hex(manifest->artifact), "a manifest's fields hold");
  for (const ManifestFile &file : manifest->files)
    require(isBareFileName(file.name) && isSha256Hex(file.sha256), "files are bare names");
  return Status::ok();
}

constexpr Parser table[] = {{"safetensors", parseFile},
                            {"header", parseHeader},
                            {"index", parseIndex},
                            {"config", parseConfig},
                            {"manifest", parseManifestBytes},
                            {"data", parseDataFile},
                            {"parquet", parseParquetFile},
                            {"gguf", parseGguf},
                            {"tokenizer", parseTokenizerJson},
                            {"sentencepiece", parseSentencePiece}};

} // namespace

std::span<const Parser> parsers() { return table; }

const Parser *findParser(std::string_view name) {
  for (const Parser &parser : table)
    if (parser.name == name)
      return &parser;
  return nullptr;
}

} // namespace ftc::test
