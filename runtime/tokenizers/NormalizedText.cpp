// Normal forms and case with alignments kept.
#include "runtime/tokenizers/NormalizedText.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <array>

namespace ftc::rt {
namespace {

/// Stable sort by combining class, linear however long the run is.
void sortMarks(std::vector<Rewritten> &chars, std::size_t from) {
  std::size_t count = chars.size() - from;
  if (count <= 16) {
    for (std::size_t i = from + 1; i < chars.size(); ++i)
      for (std::size_t j = i; j > from && chars[j - 1].combining > chars[j].combining; --j)
        std::swap(chars[j - 1], chars[j]);
    return;
  }
  std::array<std::size_t, 257> place{};
  for (std::size_t i = from; i < chars.size(); ++i)
    ++place[chars[i].combining + 1u];
  for (std::size_t c = 1; c < place.size(); ++c)
    place[c] += place[c - 1];
  std::vector<Rewritten> run(chars.begin() + from, chars.end());
  for (const Rewritten &r : run)
    chars[from + place[r.combining]++] = r;
}

std::vector<Rewritten> decomposed(const std::vector<char32_t> &chars, bool compatible) {
  std::uint32_t bit = compatible ? unicode::CompatForm : unicode::CanonicalForm;
  std::vector<Rewritten> out;
  out.reserve(chars.size() + 8);
  std::size_t runStart = 0;
  auto push = [&](char32_t c, std::int32_t change, std::uint8_t combining) {
    if (combining == 0) {
      if (out.size() - runStart > 1)
        sortMarks(out, runStart);
      runStart = out.size() + 1;
    }
    out.push_back({c, change, combining});
  };
  for (char32_t c : chars) {
    if (!unicode::has(c, bit)) {
      push(c, 0, 0);
      continue;
    }
    std::uint32_t hangul[3];
    auto parts = unicode::decompose(c, compatible, hangul);
    if (parts.empty())
      push(c, 0, unicode::combiningClass(c));
    for (std::size_t i = 0; i < parts.size(); ++i)
      push(parts[i], i ? 1 : 0, unicode::combiningClass(parts[i]));
  }
  if (out.size() - runStart > 1 && runStart <= out.size())
    sortMarks(out, runStart);
  return out;
}

/// Canonical composition of a decomposed text, changes added up.
std::vector<Rewritten> recomposed(const std::vector<Rewritten> &in) {
  std::vector<Rewritten> out;
  out.reserve(in.size());
  std::size_t starter = std::size_t(-1); // index in out
  int lastClass = -1;                    // class of the last character kept since the starter
  for (const Rewritten &next : in) {
    if (starter != std::size_t(-1) && (lastClass < 0 || lastClass < int(next.combining))) {
      char32_t both = unicode::has(next.c, unicode::Composes)
                          ? unicode::compose(out[starter].c, next.c)
                          : 0;
      if (both) {
        out[starter].c = both;
        out[starter].change += next.change - 1;
        continue;
      }
    }
    if (next.combining == 0) {
      starter = out.size();
      lastClass = -1;
    } else if (starter != std::size_t(-1)) {
      lastClass = next.combining;
    }
    out.push_back(next);
  }
  return out;
}

} // namespace

void rewrite(NormalizedChars &text, const std::vector<Rewritten> &chars) {
  std::vector<Span> spans;
  spans.reserve(chars.size());
  std::size_t old = 0;
  text.chars.clear();
  for (const Rewritten &r : chars) {
    std::size_t at = r.change > 0 ? (old ? old - 1 : 0) : old;
    spans.push_back(text.spans.empty() ? Span{}
                                       : text.spans[std::min(at, text.spans.size() - 1)]);
    text.chars.push_back(r.c);
    if (r.change <= 0)
      old += 1 + std::size_t(-r.change);
  }
  text.spans = std::move(spans);
}

void NormalizedText::appendRaw(std::string_view raw, std::int32_t firstIndex) {
  std::size_t base = text.size();
  text.append(raw);
  spans.resize(base + raw.size());
  Span *out = spans.data() + base;
  std::int32_t index = firstIndex - 1;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    index += (static_cast<unsigned char>(raw[i]) & 0xc0) != 0x80;
    out[i] = {index, index + 1};
  }
}

void NormalizedText::append(char32_t c, Span span) {
  unicode::append(text, c);
  spans.resize(text.size(), span);
}

void NormalizedChars::assign(const NormalizedText &from) {
  chars.clear();
  spans.clear();
  for (std::size_t at = 0; at < from.text.size();) {
    spans.push_back(from.spans[at]);
    chars.push_back(unicode::decodeNext(from.text, at));
  }
}

void NormalizedChars::store(NormalizedText &to) const {
  to.clear();
  to.text.reserve(chars.size());
  to.spans.reserve(chars.size());
  for (std::size_t i = 0; i < chars.size(); ++i)
    to.append(chars[i], spans[i]);
}

void normalizeForm(NormalizedChars &text, NormalForm form) {
  bool compatible = form == NormalForm::KC || form == NormalForm::KD;
  bool composing = form == NormalForm::C || form == NormalForm::KC;
  std::uint32_t bits = (compatible ? unicode::CompatForm : unicode::CanonicalForm) |
                       (composing ? unicode::Composes : 0u);
  if (std::none_of(text.chars.begin(), text.chars.end(),
                   [&](char32_t c) { return unicode::has(c, bits); }))
    return;
  std::vector<Rewritten> out = decomposed(text.chars, compatible);
  if (composing)
    out = recomposed(out);
  rewrite(text, out);
}

void lowercase(NormalizedChars &text) {
  bool longer = false;
  for (char32_t &c : text.chars) {
    if (c < 0x80) {
      c += (c >= 'A' && c <= 'Z') ? 32 : 0;
    } else if (unicode::has(c, unicode::Lowers)) {
      auto lower = unicode::lowerCase(c);
      if (lower.size() == 1)
        c = lower[0];
      else
        longer = true;
    }
  }
  if (!longer)
    return;
  NormalizedChars out;
  for (std::size_t i = 0; i < text.chars.size(); ++i) {
    auto lower = unicode::lowerCase(text.chars[i]);
    if (lower.size() < 2)
      out.push(text.chars[i], text.spans[i]);
    else
      for (std::uint32_t c : lower)
        out.push(c, text.spans[i]);
  }
  text = std::move(out);
}

} // namespace ftc::rt
