// Byte-pair encoding: merges by (rank, position), a heap for long words, a scan for short ones.
#include "runtime/tokenizers/Model.h"
#include "runtime/tokenizers/Unicode.h"
#include "runtime/tokenizers/WordCache.h"

#include <algorithm>
#include <array>
#include <queue>

namespace ftc::rt {

const std::array<char32_t, 256> &byteAlphabet() {
  static const std::array<char32_t, 256> alphabet = [] {
    std::array<char32_t, 256> out{};
    char32_t next = 256;
    for (unsigned b = 0; b < 256; ++b) {
      bool shown = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      out[b] = shown ? static_cast<char32_t>(b) : next++;
    }
    return out;
  }();
  return alphabet;
}

int alphabetByte(char32_t c) {
  static const std::array<std::int16_t, 512> bytes = [] {
    std::array<std::int16_t, 512> out{};
    out.fill(-1);
    for (unsigned b = 0; b < 256; ++b)
      out[byteAlphabet()[b]] = static_cast<std::int16_t>(b);
    return out;
  }();
  return c < 512 ? bytes[c] : -1;
}

namespace {

struct Merge {
  std::uint32_t rank;
  std::int32_t id;
};

/// (left id, right id) to rank and merged id.
class MergeTable {
public:
  explicit MergeTable(std::size_t count) {
    std::size_t size = 64;
    while (size < count * 2 + 2)
      size *= 2;
    slots.assign(size, Slot{free, {}});
  }
  void set(std::int32_t left, std::int32_t right, Merge merge) {
    Slot &slot = slots[find(key(left, right))];
    slot = {key(left, right), merge};
  }
  const Merge *get(std::int32_t left, std::int32_t right) const {
    const Slot &slot = slots[find(key(left, right))];
    return slot.key == free ? nullptr : &slot.merge;
  }

private:
  static constexpr std::uint64_t free = ~0ull;
  struct Slot {
    std::uint64_t key;
    Merge merge;
  };
  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
  }
  std::size_t find(std::uint64_t k) const {
    std::uint64_t h = k * 0x9fb21c651e98df25ull;
    std::size_t mask = slots.size() - 1, at = (h ^ h >> 32) & mask;
    while (slots[at].key != free && slots[at].key != k)
      at = (at + 1) & mask;
    return at;
  }
  std::vector<Slot> slots;
};

struct Symbol {
  std::int32_t id;
  std::int32_t previous, next;
  std::uint32_t length; ///< 0: merged into its left neighbour
};

class Bpe : public Model {
public:
  Bpe(Vocabulary v, MergeTable m, const BpeOptions &o)
      : Model(std::move(v)), merges(std::move(m)), options(o),
        unknown(o.unknown.empty() ? -1 : vocabulary.find(o.unknown)),
        owner(WordCache::newOwner()) {
    if (options.byteFallback)
      findByteTokens();
  }

  bool readsBytes() const override { return rawBytes; }

  void useRawBytes() override {
    for (unsigned b = 0; b < 256; ++b) {
      std::string text;
      unicode::append(text, byteAlphabet()[b]);
      alphabetIds[b] = vocabulary.find(text);
      if (alphabetIds[b] < 0)
        return;
    }
    rawBytes = true;
    if (options.ignoreMerges)
      spellInBytes();
  }

  void tokenize(std::string_view word, std::vector<WordToken> &out) const override {
    std::uint64_t hash = hashBytes(word);
    if (WordCache::find(owner, word, hash, out))
      return;
    std::size_t first = out.size();
    std::int32_t whole = -1;
    if (options.ignoreMerges)
      whole = (rawBytes ? byteWords : vocabulary).find(word);
    if (whole >= 0)
      out.push_back({whole, 0, static_cast<std::uint32_t>(word.size())});
    else
      mergeWord(word, out);
    WordCache::store(owner, word, hash, out.data() + first, out.size() - first);
  }

private:
  void findByteTokens() {
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned b = 0; b < 256; ++b) {
      char text[] = {'<', '0', 'x', digits[b >> 4], digits[b & 15], '>'};
      byteTokens[b] = vocabulary.find(std::string_view(text, sizeof text));
    }
  }

  /// The vocabulary keyed by the bytes that each token of the alphabet stands for.
  void spellInBytes() {
    for (const Vocabulary::Entry &entry : vocabulary.all()) {
      std::string_view text = vocabulary.text(entry);
      std::string bytes;
      bool whole = true;
      for (std::size_t at = 0; at < text.size() && whole;) {
        int byte = alphabetByte(unicode::decodeNext(text, at));
        whole = byte >= 0;
        bytes += static_cast<char>(byte);
      }
      if (whole)
        (void)byteWords.add(bytes, entry.id);
    }
  }

  void mergeWord(std::string_view word, std::vector<WordToken> &out) const {
    static thread_local std::vector<Symbol> symbols;
    symbols.clear();
    if (rawBytes) {
      for (char c : word)
        push(symbols, alphabetIds[static_cast<unsigned char>(c)], 1);
    } else {
      spell(word, symbols);
    }
    if (symbols.size() <= 24)
      mergeByScan(symbols);
    else
      mergeByHeap(symbols);
    std::uint32_t begin = 0;
    for (const Symbol &symbol : symbols)
      if (symbol.length) {
        out.push_back({symbol.id, begin, begin + symbol.length});
        begin += symbol.length;
      }
    if (symbols.capacity() > (1u << 16))
      std::vector<Symbol>().swap(symbols);
  }

  static void push(std::vector<Symbol> &symbols, std::int32_t id, std::uint32_t length) {
    std::int32_t at = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1, length});
  }

  void spell(std::string_view word, std::vector<Symbol> &symbols) const {
    std::uint32_t pending = 0; // bytes of an unknown token not yet pushed
    auto flush = [&] {
      if (pending)
        push(symbols, unknown, pending);
      pending = 0;
    };
    for (std::size_t at = 0; at < word.size();) {
      std::size_t length = unicode::sequenceLength(static_cast<unsigned char>(word[at]));
      std::string_view c = word.substr(at, length);
      at += length;
      std::int32_t id = vocabulary.find(c);
      if (id >= 0) {
        flush();
        push(symbols, id, static_cast<std::uint32_t>(c.size()));
        continue;
      }
      if (options.byteFallback && std::all_of(c.begin(), c.end(), [&](char b) {
            return byteTokens[static_cast<unsigned char>(b)] >= 0;
          })) {
        for (char b : c)
          push(symbols, byteTokens[static_cast<unsigned char>(b)], 1);
        continue;
      }
      if (unknown < 0)
        continue;
      if (!options.fuseUnknown)
        flush();
      pending += static_cast<std::uint32_t>(c.size());
    }
    flush();
  }

  /// For short words: the best pair of all, again and again.
  void mergeByScan(std::vector<Symbol> &symbols) const {
    std::size_t count = symbols.size();
    std::array<Merge, 24> pair; // pair[i]: merge of symbols i and i + 1
    constexpr std::uint32_t noRank = ~0u;
    auto look = [&](std::size_t i) {
      pair[i] = {noRank, -1};
      if (i + 1 < count)
        if (const Merge *m = merges.get(symbols[i].id, symbols[i + 1].id))
          pair[i] = *m;
    };
    for (std::size_t i = 0; i < count; ++i)
      look(i);
    while (count > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < count; ++i)
        if (pair[i].rank < pair[best].rank)
          best = i;
      if (pair[best].rank == noRank)
        break;
      symbols[best].id = pair[best].id;
      symbols[best].length += symbols[best + 1].length;
      for (std::size_t i = best + 1; i + 1 < count; ++i) {
        symbols[i] = symbols[i + 1];
        pair[i] = pair[i + 1];
      }
      --count;
      look(best);
      if (best)
        look(best - 1);
    }
    symbols.resize(count);
  }

  void mergeByHeap(std::vector<Symbol> &symbols) const {
    struct Candidate {
      std::uint32_t rank;
      std::int32_t at, id;
      bool operator<(const Candidate &o) const {
        return rank != o.rank ? rank > o.rank : at > o.at;
      }
    };
    std::int32_t count = static_cast<std::int32_t>(symbols.size());
    std::vector<Candidate> initial;
    for (std::int32_t i = 0; i + 1 < count; ++i)
      if (const Merge *m = merges.get(symbols[i].id, symbols[i + 1].id))
        initial.push_back({m->rank, i, m->id});
    std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(initial));
    auto offer = [&](std::int32_t left, std::int32_t right) {
      if (const Merge *m = merges.get(symbols[left].id, symbols[right].id))
        queue.push({m->rank, left, m->id});
    };
    while (!queue.empty()) {
      Candidate top = queue.top();
      queue.pop();
      Symbol &left = symbols[top.at];
      if (left.length == 0 || left.next >= count)
        continue;
      Symbol &right = symbols[left.next];
      const Merge *m = merges.get(left.id, right.id);
      if (!m || m->id != top.id)
        continue; // stale: one side has changed since
      left.id = top.id;
      left.length += right.length;
      left.next = right.next;
      right.length = 0;
      if (left.next < count) {
        symbols[left.next].previous = top.at;
        offer(top.at, left.next);
      }
      if (left.previous >= 0)
        offer(left.previous, top.at);
    }
  }

  MergeTable merges;
  BpeOptions options;
  std::int32_t unknown;
  std::uint32_t owner;
  bool rawBytes = false;
  std::array<std::int32_t, 256> alphabetIds{};
  std::array<std::int32_t, 256> byteTokens{};
  Vocabulary byteWords;
};

bool hasAlphabet(const Vocabulary &vocabulary) {
  for (char32_t c : byteAlphabet()) {
    std::string text;
    unicode::append(text, c);
    if (vocabulary.find(text) < 0)
      return false;
  }
  return true;
}

Status missing(std::string_view token) {
  return Status::error("BPE: expected the merge token '" + std::string(token.substr(0, 64)) +
                       "' in the vocabulary, got none");
}

} // namespace

Result<std::unique_ptr<Model>> makeBpe(Vocabulary vocabulary, const Merges &merges,
                                       const BpeOptions &options) {
  if (!options.unknown.empty() && vocabulary.find(options.unknown) < 0 &&
      !hasAlphabet(vocabulary))
    return Status::error("BPE: expected the unknown token '" + options.unknown.substr(0, 64) +
                         "' in the vocabulary, got none");
  MergeTable table(merges.size());
  std::uint32_t rank = 0;
  for (const auto &[left, right] : merges) {
    std::int32_t leftId = vocabulary.find(left), rightId = vocabulary.find(right);
    std::int32_t both = vocabulary.find(left + right);
    if (leftId < 0 || rightId < 0 || both < 0)
      return missing(leftId < 0 ? left : rightId < 0 ? right : left + right);
    table.set(leftId, rightId, {rank++, both});
  }
  return std::unique_ptr<Model>(
      std::make_unique<Bpe>(std::move(vocabulary), std::move(table), options));
}

} // namespace ftc::rt
