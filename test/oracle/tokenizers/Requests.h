// The requests of compare.py and of the golden files, answered by a tokenizer.
#pragma once

#include "runtime/tokenizers/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ftc::test {

using namespace ftc::rt;
using Json = nlohmann::json;

/// "null": an error; else [ids, offsets flat, typeIds, wordIds, sequenceIds, truncated].
inline std::string answer(Result<Encoding> encoding) {
  if (!encoding)
    return "null";
  std::string out = "[";
  auto list = [&](const auto &values) {
    out += "[";
    for (std::size_t i = 0; i < values.size(); ++i)
      out.append(i ? "," : "").append(std::to_string(values[i]));
    out += "],";
  };
  list(encoding->ids);
  std::vector<std::int32_t> flat;
  for (auto [begin, end] : encoding->offsets) {
    flat.push_back(begin);
    flat.push_back(end);
  }
  list(flat);
  list(encoding->typeIds);
  list(encoding->wordIds);
  list(encoding->sequenceIds);
  return out + std::to_string(encoding->truncated) + "]";
}

inline EncodeOptions options(const Json &request, std::size_t at) {
  EncodeOptions out;
  out.addSpecialTokens = request[at].get<bool>();
  out.maxLength = request[at + 1].get<int>();
  std::string how = request[at + 2].get<std::string>();
  out.truncation = how == "only_first"    ? Truncation::OnlyFirst
                   : how == "only_second" ? Truncation::OnlySecond
                                          : Truncation::LongestFirst;
  return out;
}

/// Options of a tokenizer from a list of words: prefix, target.
inline TokenizerOptions tokenizerOptions(const std::string &modelType, std::string_view flags) {
  TokenizerOptions out;
  out.modelType = modelType;
  out.addPrefixSpace = flags.find("prefix") != std::string_view::npos;
  out.target = flags.find("target") != std::string_view::npos;
  return out;
}

/// Requests: ["e", text, special, max, how], ["p", a, b, ...], ["w", [words], ...],
/// ["d", [ids], skip], ["i", text, special, max] for ids alone, ["o", text] for the offsets
/// alone without special tokens.
inline std::string serve(const Tokenizer &tokenizer, const std::string &line) {
  Json request = Json::parse(line);
  std::string kind = request[0].get<std::string>();
  if (kind == "e")
    return answer(tokenizer.encode(request[1].get<std::string>(), options(request, 2)));
  if (kind == "p")
    return answer(tokenizer.encodePair(request[1].get<std::string>(),
                                       request[2].get<std::string>(), options(request, 3)));
  if (kind == "w")
    return answer(
        tokenizer.encodeWords(request[1].get<std::vector<std::string>>(), options(request, 2)));
  if (kind == "i" || kind == "o") {
    EncodeOptions how;
    how.addSpecialTokens = kind == "i" && request[2].get<bool>();
    how.maxLength = kind == "i" ? request[3].get<int>() : 0;
    auto encoding = tokenizer.encode(request[1].get<std::string>(), how);
    if (!encoding)
      return "null";
    Json offsets = Json::array();
    for (auto [begin, end] : encoding->offsets) {
      offsets.push_back(begin);
      offsets.push_back(end);
    }
    return kind == "i" ? Json(encoding->ids).dump() : offsets.dump();
  }
  return Json(tokenizer.decode(request[1].get<std::vector<std::int32_t>>(),
                               request[2].get<bool>()))
      .dump();
}

} // namespace ftc::test
