// Whatever a reader accepts must tokenize any text, with offsets inside of it.
#include "test/fuzz/TokenizerParsers.h"
#include "runtime/tokenizers/Tokenizer.h"
#include "test/fuzz/Promises.h"

namespace ftc::test {

using namespace ftc::rt;

namespace {

/// A tokenizer that was accepted works on any text; ids are its own and offsets inside.
void useTokenizer(const Tokenizer &tokenizer) {
  static constexpr std::string_view texts[] = {
      "", " the  <s> text, 123 don't\t",
      "na\xc3\xafve e\xcc\x81 \xe6\x9d\xb1 \xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
      "\xe2\x96\x81\xe2\x96\x81"
      "a\xc2\xa0\xe3\x80\x80>>fra<<b"};
  for (std::string_view text : texts) {
    Result<Encoding> encoding = tokenizer.encode(text, {});
    if (!encoding) {
      (void)checked(encoding.takeStatus());
      continue;
    }
    require(encoding->ids.size() == encoding->offsets.size(), "one span a token");
    for (auto [begin, end] : encoding->offsets)
      require(0 <= begin && begin <= end && std::size_t(end) <= text.size(),
              "offsets are inside the text");
    require(isValidUtf8(tokenizer.decode(encoding->ids, true)), "decoded text is UTF-8");
  }
}

} // namespace

Status parseTokenizerJson(std::string_view bytes) {
  auto tokenizer = makeTokenizer({{"tokenizer.json", std::string(bytes)}}, {});
  if (!tokenizer)
    return checked(tokenizer.takeStatus());
  useTokenizer(**tokenizer);
  return Status::ok();
}

Status parseSentencePiece(std::string_view bytes) {
  TokenizerOptions options;
  options.modelType = "t5";
  auto tokenizer = makeTokenizer({{"spiece.model", std::string(bytes)}}, options);
  if (!tokenizer)
    return checked(tokenizer.takeStatus());
  useTokenizer(**tokenizer);
  options.modelType = "marian";
  auto marian =
      makeTokenizer({{"source.spm", std::string(bytes)},
                     {"target.spm", std::string(bytes)},
                     {"vocab.json", R"({"</s>": 0, "<unk>": 1, "<pad>": 2, "a": 3})"}},
                    options);
  if (!marian)
    return checked(marian.takeStatus());
  useTokenizer(**marian);
  return Status::ok();
}

} // namespace ftc::test
