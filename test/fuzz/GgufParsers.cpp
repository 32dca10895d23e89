// What is relied on of a GGUF file that was accepted: tensors in the file and decoded, metadata
// read by every getter, a model and a tokenizer or a refusal.
#include "test/fuzz/GgufParsers.h"

#include "runtime/io/GgufModel.h"
#include "runtime/tokenizers/GgufTokenizer.h"
#include "test/fuzz/Promises.h"

#include <algorithm>

namespace ftc::test {

using namespace ftc::rt;

namespace {

/// Every getter on every key.
void readMetadata(const GgufFile &file) {
  for (const std::string &key : file.keys()) {
    if (auto integer = file.integer(key, 1, 1024); !integer)
      (void)checked(integer.takeStatus());
    else
      require(*integer >= 1 && *integer <= 1024, "integers are in range");
    if (auto number = file.number(key); !number)
      (void)checked(number.takeStatus());
    else
      require(*number - *number == 0, "numbers are finite");
    if (auto text = file.string(key); !text)
      (void)checked(text.takeStatus());
    else
      require(isValidUtf8(*text), "strings are UTF-8");
    if (auto list = file.strings(key); !list)
      (void)checked(list.takeStatus());
    if (auto list = file.int32s(key); !list)
      (void)checked(list.takeStatus());
    if (auto list = file.float32s(key); !list)
      (void)checked(list.takeStatus());
    if (auto flag = file.booleanOr(key, true); !flag)
      (void)checked(flag.takeStatus());
  }
}

/// The tokenizer, encoding one text where there is one.
void readGgufTokenizer(const GgufFile &file) {
  Result<TokenizerFiles> files = ggufTokenizerFiles(file);
  if (!files)
    return (void)checked(files.takeStatus());
  auto tokenizer = makeTokenizer(*files, {});
  if (!tokenizer)
    return (void)checked(tokenizer.takeStatus());
  require((*tokenizer)->encode("ab a\xC3\xA9 12<s>", {}).isOk(), "valid UTF-8 is encoded");
}

} // namespace

Status parseGguf(std::string_view bytes) {
  Result<GgufFile> file = GgufFile::fromBytes(std::string(bytes), "m.gguf");
  if (!file)
    return checked(file.takeStatus());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  for (const GgufTensor &tensor : file->tensors()) {
    require(tensor.bytes > 0 && tensor.offset <= bytes.size() &&
                tensor.bytes <= bytes.size() - tensor.offset,
            "tensors lie within the file");
    places.emplace_back(tensor.offset, tensor.bytes);
    std::vector<float> values(tensor.elements);
    require(file->readAsF32(tensor, values.data(), 0, tensor.elements).isOk(),
            "tensors are decoded");
  }
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i)
    require(places[i - 1].first + places[i - 1].second <= places[i].first,
            "tensors do not overlap");
  readMetadata(*file);
  if (auto config = ggufConfig(*file); !config)
    (void)checked(config.takeStatus());
  else
    require(parseJson(dumpJson(*config, 2), "config.json").isOk(), "config.json is JSON");
  if (auto mapped = mapGgufTensors(*file); !mapped)
    (void)checked(mapped.takeStatus());
  readGgufTokenizer(*file);
  return Status::ok();
}

} // namespace ftc::test
