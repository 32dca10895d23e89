// Windows are made of whole words: runs of tokens with one word id.
#include "runtime/tasks/WordWindows.h"

#include <algorithm>

namespace ftc::rt {

namespace {

/// A word's tokens [begin, end) in the encoding.
struct Word {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

/// Words [first, last) and those of them that the window owns: [ownFirst, ownLast).
struct Window {
  std::size_t first = 0, last = 0, ownFirst = 0, ownLast = 0;
};

struct Parts {
  std::size_t prefix = 0, suffix = 0; ///< special tokens before and after
  std::vector<Word> words;
};

Parts splitParts(const Encoding &encoding) {
  Parts parts;
  std::size_t size = encoding.ids.size();
  const std::vector<std::int32_t> &ids = encoding.wordIds;
  while (parts.prefix < size && ids[parts.prefix] < 0)
    ++parts.prefix;
  while (parts.suffix < size - parts.prefix && ids[size - 1 - parts.suffix] < 0)
    ++parts.suffix;
  for (std::size_t at = parts.prefix; at < size - parts.suffix; ++at) {
    if (parts.words.empty() || ids[at] != ids[parts.words.back().begin])
      parts.words.push_back({at, at});
    parts.words.back().end = at + 1;
  }
  return parts;
}

/// Greedy windows of at most `room` tokens, each sharing up to room / 4 tokens with the next.
std::vector<Window> placeWindows(const std::vector<Word> &words, std::size_t room) {
  std::vector<Window> windows;
  std::size_t first = 0;
  for (;;) {
    std::size_t last = first, used = 0;
    while (last < words.size() && (last == first || used + words[last].size() <= room))
      used += words[last++].size();
    windows.push_back({first, last, first, last});
    if (last >= words.size())
      break;
    // Shared words may take a quarter of the room, and must leave room for the next word.
    std::size_t mostShared = std::min(room / 4, room - std::min(room, words[last].size()));
    std::size_t next = last, shared = 0;
    while (next > first + 1 && shared + words[next - 1].size() <= mostShared)
      shared += words[--next].size();
    first = next;
  }
  for (std::size_t i = 1; i < windows.size(); ++i) {
    // Of the shared words the first half has more context on its right in the former window.
    std::size_t middle = windows[i].first + (windows[i - 1].last - windows[i].first) / 2;
    windows[i - 1].ownLast = middle;
    windows[i].ownFirst = middle;
  }
  return windows;
}

void appendTokens(const Encoding &encoding, std::size_t begin, std::size_t end, bool wanted,
                  Example &example) {
  for (std::size_t at = begin; at < end; ++at) {
    example.ids.push_back(encoding.ids[at]);
    example.typeIds.push_back(encoding.typeIds[at]);
    example.wordIds.push_back(encoding.wordIds[at]);
    example.labels.push_back(wanted && at == begin ? 0 : kIgnoredLabel);
  }
}

} // namespace

Result<std::vector<Example>> cutWordWindows(const Encoding &encoding, std::int64_t maxLength) {
  Parts parts = splitParts(encoding);
  std::size_t specials = parts.prefix + parts.suffix, size = encoding.ids.size();
  std::size_t room = size;
  if (maxLength > 0) {
    if (static_cast<std::size_t>(maxLength) <= specials)
      return Status::error("expected --max_seq_length above the " + std::to_string(specials) +
                           " special tokens, got " + std::to_string(maxLength));
    room = static_cast<std::size_t>(maxLength) - specials;
  }
  std::vector<Example> examples;
  for (const Window &window : placeWindows(parts.words, room)) {
    Example example;
    appendTokens(encoding, 0, parts.prefix, false, example);
    std::size_t left = room;
    for (std::size_t word = window.first; word < window.last; ++word) {
      const Word &tokens = parts.words[word];
      std::size_t kept = std::min(tokens.size(), left);
      bool own = word >= window.ownFirst && word < window.ownLast;
      appendTokens(encoding, tokens.begin, tokens.begin + kept, own, example);
      example.truncated += own ? static_cast<std::int64_t>(tokens.size() - kept) : 0;
      left -= kept;
    }
    appendTokens(encoding, size - parts.suffix, size, false, example);
    examples.push_back(std::move(example));
  }
  return examples;
}

} // namespace ftc::rt
