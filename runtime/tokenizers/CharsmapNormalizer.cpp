// The Precompiled normalizer: each grapheme, or each of its characters, through a charsmap.
#include "runtime/tokenizers/Charsmap.h"
#include "runtime/tokenizers/Graphemes.h"
#include "runtime/tokenizers/Normalizer.h"
#include "runtime/tokenizers/Unicode.h"

#include <array>

namespace ftc::rt {
namespace {

class CharsmapNormalizer : public Normalizer {
public:
  explicit CharsmapNormalizer(Charsmap m) : map(std::move(m)) {
    std::string_view form;
    for (unsigned c = 0; c < 128; ++c) {
      char byte = static_cast<char>(c);
      mapped[c] = map.shortest(std::string_view(&byte, 1), form);
    }
  }

  bool apply(NormalizedChars &text, std::size_t limit) const override {
    static thread_local std::vector<Rewritten> out;
    out.clear();
    bool changed = false;
    std::size_t count = text.chars.size();
    for (std::size_t at = 0; at < count && out.size() <= limit;) {
      std::size_t end = graphemeEnd(text.chars, at);
      char32_t c = text.chars[at];
      if (end == at + 1 && c < 0x80 && !mapped[c]) {
        out.push_back({c, 0, 0});
        at = end;
        continue;
      }
      changed |= rewriteGrapheme(text.chars.data() + at, end - at, out);
      at = end;
    }
    if (out.size() > limit)
      return false;
    if (changed)
      rewrite(text, out);
    if (out.capacity() > (1u << 18))
      std::vector<Rewritten>().swap(out);
    return true;
  }

private:
  /// True when the map changes something.
  bool rewriteGrapheme(const char32_t *chars, std::size_t count,
                       std::vector<Rewritten> &out) const {
    constexpr std::size_t tooLong = 6; // from this size on each character stands for itself
    std::string bytes;
    std::string_view form;
    for (std::size_t i = 0; i < count && bytes.size() < tooLong; ++i)
      unicode::append(bytes, chars[i]);
    if (bytes.size() < tooLong && map.shortest(bytes, form)) {
      replace(count, form, out);
      return true;
    }
    bool changed = false;
    for (std::size_t i = 0; i < count; ++i) {
      bytes.clear();
      unicode::append(bytes, chars[i]);
      if (map.shortest(bytes, form)) {
        replace(1, form, out);
        changed = true;
      } else {
        out.push_back({chars[i], 0, 0});
      }
    }
    return changed;
  }

  /// Notes that `form` stands for `count` characters. What goes away is charged to the last
  /// character of the text so far; at the very beginning there is none, and as in tokenizers
  /// the alignment of all that follows shifts.
  static void replace(std::size_t count, std::string_view form, std::vector<Rewritten> &out) {
    std::size_t added = 0;
    for (std::size_t at = 0; at < form.size(); ++added)
      out.push_back({unicode::decodeNext(form, at), 0, 0});
    if (added > count)
      for (std::size_t i = 0; i < added - count; ++i)
        out[out.size() - 1 - i].change = 1;
    else if (added < count && !out.empty())
      out.back().change -= static_cast<std::int32_t>(count - added);
  }

  Charsmap map;
  std::array<bool, 128> mapped;
};

} // namespace

std::unique_ptr<Normalizer> makeCharsmapNormalizer(Charsmap map) {
  return std::make_unique<CharsmapNormalizer>(std::move(map));
}

} // namespace ftc::rt
