// Registration and the two-pass search of added tokens.
#include "runtime/tokenizers/AddedTokens.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>

namespace ftc::rt {

Status TokenSearch::add(std::string_view text, std::int32_t id) {
  constexpr std::size_t longest = 512;
  if (text.size() > longest)
    return Status::error("expected added tokens of at most 512 bytes, got one of " +
                         std::to_string(text.size()));
  if (!trie.insert(text, id, false))
    return Status::error("too many added tokens");
  starts[static_cast<unsigned char>(text[0])] = true;
  ++count;
  return Status::ok();
}

bool TokenSearch::find(std::string_view text, std::size_t from, std::size_t &begin,
                       std::size_t &end, std::int32_t &id) const {
  if (count == 0)
    return false;
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!starts[static_cast<unsigned char>(text[at])])
      continue;
    std::uint32_t node = 0;
    end = at;
    for (std::size_t i = at; i < text.size(); ++i) {
      node = trie.child(node, static_cast<unsigned char>(text[i]));
      if (node == ByteTrie::none)
        break;
      if (trie.value(node) >= 0) {
        id = trie.value(node);
        end = i + 1;
      }
    }
    if (end > at) {
      begin = at;
      return true;
    }
  }
  return false;
}

void AddedTokens::add(const std::vector<AddedToken> &list, const Vocabulary &vocabulary) {
  for (const AddedToken &token : list)
    if (token.special && !token.content.empty() && specials.insert(token.content).second)
      ordered[0].push_back(token);
  for (const AddedToken &token : list) {
    if (token.content.empty())
      continue;
    std::int32_t id = find(token.content);
    if (id >= 0)
      if (auto known = tokens.find(id); known != tokens.end() && known->second == token)
        continue;
    if (id < 0)
      id = vocabulary.find(token.content);
    if (id < 0)
      id = greatest >= 0 && (greatest >= vocabulary.size() || vocabulary.size() == 0)
               ? greatest + 1
               : vocabulary.size();
    ids[token.content] = id;
    tokens[id] = token;
    greatest = std::max(greatest, id);
    if (!specials.count(token.content))
      ordered[1].push_back(token);
  }
}

Status AddedTokens::finish(const NormalizerList &normalizers) {
  for (const auto &list : ordered)
    for (const AddedToken &token : list) {
      std::int32_t id = find(token.content);
      if (!token.normalized) {
        FTC_RETURN_IF_ERROR(rawSearch.add(token.content, id));
        continue;
      }
      NormalizedText text;
      FTC_RETURN_IF_ERROR(normalizeInto(normalizers, token.content, 0, text));
      if (text.text.empty())
        return Status::error("added token '" + token.content.substr(0, 64) +
                             "' is normalized to nothing, which is not supported");
      FTC_RETURN_IF_ERROR(normalizedSearch.add(text.text, id));
    }
  return Status::ok();
}

std::int32_t AddedTokens::find(std::string_view content) const {
  auto found = ids.find(std::string(content));
  return found == ids.end() ? -1 : found->second;
}

const AddedToken *AddedTokens::byId(std::int32_t id) const {
  auto found = tokens.find(id);
  return found == tokens.end() ? nullptr : &found->second;
}

std::int32_t AddedTokens::beyond(const Vocabulary &vocabulary) const {
  std::int32_t count = 0;
  for (const auto &[content, id] : ids)
    count += vocabulary.find(content) < 0;
  return count;
}

Status AddedTokens::split(std::string_view text, const TokenSearch &search,
                          std::vector<Match> &out) const {
  auto wordBefore = [&](std::size_t at) {
    return at > 0 && unicode::has(unicode::decodePrevious(text, at), unicode::Word);
  };
  auto wordAfter = [&](std::size_t at) {
    return at < text.size() && unicode::has(unicode::decodeNext(text, at), unicode::Word);
  };
  std::size_t done = 0, from = 0, begin, end, covered = 0;
  std::size_t spaceBegin = 1, spaceEnd = 0; // a run of white space already measured
  std::int32_t id;
  while (search.find(text, from, begin, end, id)) {
    from = end;
    const AddedToken &token = tokens.at(id);
    if (token.singleWord && (wordBefore(begin) || wordAfter(end)))
      continue;
    if (token.lstrip) {
      for (std::size_t at = begin; begin > done; begin = at)
        if (!unicode::has(unicode::decodePrevious(text, at), unicode::RegexSpace))
          break;
      begin = std::max(begin, done); // the token before may have taken white space beyond it
    }
    if (token.rstrip) {
      if (end < spaceBegin || end > spaceEnd) {
        spaceBegin = spaceEnd = end;
        for (std::size_t at = end; at < text.size(); spaceEnd = at)
          if (!unicode::has(unicode::decodeNext(text, at), unicode::RegexSpace))
            break;
      }
      end = spaceEnd;
    }
    if (begin > end)
      continue; // tokenizers panics here
    if (done < begin)
      out.push_back({done, begin, -1});
    if (begin < end)
      out.push_back({begin, end, id});
    // As in tokenizers, a token inside the white space of the one before overlaps it.
    covered += end - begin + (done < begin ? begin - done : 0);
    done = end;
    if (covered > text.size() * 4 + 65536)
      return Status::error("text: the added tokens that strip white space overlap too much");
  }
  if (done < text.size())
    out.push_back({done, text.size(), -1});
  return Status::ok();
}

Status AddedTokens::extract(std::string_view raw, const NormalizerList &normalizers,
                            PieceText &out) const {
  static thread_local std::vector<Match> first, second;
  first.clear();
  FTC_RETURN_IF_ERROR(split(raw, rawSearch, first));
  std::size_t knownByte = 0;
  std::int32_t knownIndex = 0; // number of the code point at knownByte
  for (const Match &match : first) {
    for (; knownByte < match.begin; ++knownByte)
      knownIndex += (static_cast<unsigned char>(raw[knownByte]) & 0xc0) != 0x80;
    while (knownByte > match.begin)
      knownIndex -= (static_cast<unsigned char>(raw[--knownByte]) & 0xc0) != 0x80;
    std::string_view part = raw.substr(match.begin, match.end - match.begin);
    std::uint32_t base = static_cast<std::uint32_t>(out.text.text.size());
    auto size = [&] { return static_cast<std::uint32_t>(out.text.text.size()); };
    if (match.token >= 0) {
      out.text.appendRaw(part, knownIndex);
      out.pieces.push_back({base, size(), match.token});
      continue;
    }
    FTC_RETURN_IF_ERROR(normalizeInto(normalizers, part, knownIndex, out.text));
    if (out.text.text.size() > 0xfffffff0u)
      return Status::error("text: expected a text of less than 4 GiB once normalized");
    if (base == size())
      continue;
    second.clear();
    FTC_RETURN_IF_ERROR(
        split(std::string_view(out.text.text).substr(base), normalizedSearch, second));
    for (const Match &inner : second)
      out.pieces.push_back(
          {base + std::uint32_t(inner.begin), base + std::uint32_t(inner.end), inner.token});
  }
  return Status::ok();
}

} // namespace ftc::rt
