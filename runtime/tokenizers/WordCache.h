// Tokens of short words, remembered per thread in a table of fixed size.
#pragma once

#include "runtime/tokenizers/Model.h"

#include <atomic>
#include <cstring>

namespace ftc::rt {

/// Direct-mapped: a newer word takes an older one's place. Each model has its own number, so
/// one thread's table serves all models.
class WordCache {
public:
  /// Appends the remembered tokens of `word` and returns true, or returns false.
  static bool find(std::uint32_t owner, std::string_view word, std::uint64_t hash,
                   std::vector<WordToken> &out) {
    if (word.size() > maxKey)
      return false;
    const Entry &entry = slot(owner, hash);
    if (entry.owner != owner || entry.length != word.size() ||
        std::memcmp(entry.key, word.data(), word.size()) != 0)
      return false;
    std::uint32_t begin = 0;
    for (unsigned i = 0; i < entry.count; begin = entry.ends[i++])
      out.push_back({entry.ids[i], begin, entry.ends[i]});
    return true;
  }

  static void store(std::uint32_t owner, std::string_view word, std::uint64_t hash,
                    const WordToken *tokens, std::size_t count) {
    if (word.size() > maxKey || count > maxTokens)
      return;
    for (std::size_t i = 0; i < count; ++i) // tokens that share bytes are not remembered
      if (tokens[i].begin != (i ? tokens[i - 1].end : 0))
        return;
    Entry &entry = slot(owner, hash);
    entry.owner = owner;
    entry.length = static_cast<std::uint8_t>(word.size());
    entry.count = static_cast<std::uint8_t>(count);
    std::memcpy(entry.key, word.data(), word.size());
    for (std::size_t i = 0; i < count; ++i) {
      entry.ids[i] = tokens[i].id;
      entry.ends[i] = static_cast<std::uint8_t>(tokens[i].end);
    }
  }

  /// A number no other model of this process has.
  static std::uint32_t newOwner() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
  }

private:
  static constexpr std::size_t maxKey = 26, maxTokens = 6, slots = 1 << 14;
  struct Entry {
    std::uint32_t owner = 0;
    std::uint8_t length, count;
    char key[maxKey];
    std::uint8_t ends[maxTokens];
    std::int32_t ids[maxTokens];
  };
  static Entry &slot(std::uint32_t owner, std::uint64_t hash) {
    static thread_local std::vector<Entry> table(slots);
    return table[(hash ^ owner * 0x9e3779b1u) & (slots - 1)];
  }
};

} // namespace ftc::rt
