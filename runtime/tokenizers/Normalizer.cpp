// The normalization steps. BertNormalizer has a one-pass form for text without decompositions.
#include "runtime/tokenizers/Normalizer.h"
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <array>

namespace ftc::rt {
namespace {

using unicode::has;
using unicode::properties;

std::vector<char32_t> codePoints(std::string_view text) {
  std::vector<char32_t> out;
  for (std::size_t at = 0; at < text.size();)
    out.push_back(unicode::decodeNext(text, at));
  return out;
}

class BertNormalizer : public Normalizer {
public:
  explicit BertNormalizer(const BertNormalizerOptions &o) : options(o) {
    for (unsigned c = 0; c < 128; ++c) {
      char32_t to = c;
      std::uint32_t bits = properties(c);
      if (options.cleanText)
        to = (bits & unicode::Dropped) ? dropped : (bits & unicode::BertSpace) ? U' ' : to;
      if (options.lowercase && to >= 'A' && to <= 'Z')
        to += 32;
      ascii[c] = static_cast<char>(to == dropped ? 0x80 : to);
    }
    slowBits = (options.stripAccents ? unicode::CanonicalForm | unicode::NonspacingMark : 0u) |
               (options.lowercase ? std::uint32_t(unicode::Lowers) : 0u);
  }

  bool apply(NormalizedChars &text, std::size_t limit) const override {
    if (options.cleanText)
      clean(text);
    if (options.padCjk)
      pad(text);
    if (options.stripAccents) {
      normalizeForm(text, NormalForm::D);
      text.filter([](char32_t c) { return !has(c, unicode::NonspacingMark); });
    }
    if (options.lowercase)
      lowercase(text);
    return text.chars.size() <= limit;
  }

  bool applyFast(std::string_view raw, std::int32_t index, NormalizedText &out) const override {
    std::size_t textBefore = out.text.size(), base = textBefore;
    out.text.resize(base + raw.size());
    out.spans.resize(base + raw.size());
    for (std::size_t i = 0; i < raw.size(); ++index) {
      unsigned char byte = raw[i];
      Span span{index, index + 1};
      if (byte < 0x80) {
        ++i;
        unsigned char to = ascii[byte];
        out.text[base] = to;
        out.spans[base] = span;
        base += to < 0x80;
        continue;
      }
      std::size_t begin = i;
      char32_t c = unicode::decodeNext(raw, i);
      std::uint32_t bits = properties(c);
      if ((bits & slowBits) || (options.padCjk && (bits & unicode::Cjk))) {
        out.text.resize(textBefore);
        out.spans.resize(textBefore);
        return false;
      }
      if (options.cleanText && (bits & unicode::Dropped))
        continue;
      if (options.cleanText && (bits & unicode::BertSpace)) {
        out.text[base] = ' ';
        out.spans[base++] = span;
        continue;
      }
      for (; begin < i; ++begin) {
        out.text[base] = raw[begin];
        out.spans[base++] = span;
      }
    }
    out.text.resize(base);
    out.spans.resize(base);
    return true;
  }

private:
  static constexpr char32_t dropped = 0xffffffff;

  static void clean(NormalizedChars &text) {
    text.filter([](char32_t c) { return !has(c, unicode::Dropped); });
    for (char32_t &c : text.chars)
      if (has(c, unicode::BertSpace))
        c = ' ';
  }

  static void pad(NormalizedChars &text) {
    if (std::none_of(text.chars.begin(), text.chars.end(),
                     [](char32_t c) { return has(c, unicode::Cjk); }))
      return;
    NormalizedChars out;
    out.chars.reserve(text.chars.size() * 2);
    out.spans.reserve(text.chars.size() * 2);
    for (std::size_t i = 0; i < text.chars.size(); ++i) {
      bool cjk = has(text.chars[i], unicode::Cjk);
      if (cjk)
        out.push(' ', text.spans[i]);
      out.push(text.chars[i], text.spans[i]);
      if (cjk)
        out.push(' ', text.spans[i]);
    }
    text = std::move(out);
  }

  BertNormalizerOptions options;
  std::array<char, 128> ascii;
  std::uint32_t slowBits;
};

class LowercaseNormalizer : public Normalizer {
  bool apply(NormalizedChars &text, std::size_t limit) const override {
    lowercase(text);
    return text.chars.size() <= limit;
  }
};

class FormNormalizer : public Normalizer {
public:
  explicit FormNormalizer(NormalForm f) : form(f) {}
  bool apply(NormalizedChars &text, std::size_t limit) const override {
    normalizeForm(text, form);
    return text.chars.size() <= limit;
  }

private:
  NormalForm form;
};

class StripAccentsNormalizer : public Normalizer {
  bool apply(NormalizedChars &text, std::size_t) const override {
    text.filter([](char32_t c) { return !has(c, unicode::Mark); });
    return true;
  }
};

class StripNormalizer : public Normalizer {
public:
  StripNormalizer(bool l, bool r) : left(l), right(r) {}
  bool apply(NormalizedChars &text, std::size_t) const override {
    std::size_t count = text.chars.size(), leading = 0, trailing = 0;
    auto space = [&](std::size_t i) { return has(text.chars[i], unicode::Whitespace); };
    while (left && leading < count && space(leading))
      ++leading;
    while (right && trailing < count - leading && space(count - 1 - trailing))
      ++trailing;
    std::size_t end = count - trailing;
    text.chars.resize(end);
    text.spans.resize(end);
    text.chars.erase(text.chars.begin(), text.chars.begin() + leading);
    text.spans.erase(text.spans.begin(), text.spans.begin() + leading);
    return true;
  }

private:
  bool left, right;
};

class PrependNormalizer : public Normalizer {
public:
  explicit PrependNormalizer(std::string_view c) : content(codePoints(c)) {}
  bool apply(NormalizedChars &text, std::size_t limit) const override {
    if (text.chars.empty())
      return true;
    Span first = text.spans.front();
    text.chars.insert(text.chars.begin(), content.begin(), content.end());
    text.spans.insert(text.spans.begin(), content.size(), first);
    return text.chars.size() <= limit;
  }

private:
  std::vector<char32_t> content;
};

class ReplaceNormalizer : public Normalizer {
public:
  ReplaceNormalizer(std::string_view p, std::string_view c)
      : pattern(codePoints(p)), content(codePoints(c)) {}
  bool apply(NormalizedChars &text, std::size_t limit) const override {
    auto next =
        std::search(text.chars.begin(), text.chars.end(), pattern.begin(), pattern.end());
    if (next == text.chars.end())
      return true;
    NormalizedChars out;
    auto at = text.chars.begin();
    while (true) {
      for (; at != next; ++at)
        out.push(*at, text.spans[at - text.chars.begin()]);
      if (next == text.chars.end())
        break;
      at += pattern.size();
      for (char32_t c : content)
        out.push(c, text.spans[at - text.chars.begin() - 1]);
      if (out.chars.size() > limit)
        return false;
      next = std::search(at, text.chars.end(), pattern.begin(), pattern.end());
    }
    text = std::move(out);
    return text.chars.size() <= limit;
  }

private:
  std::vector<char32_t> pattern, content;
};

class RegexReplaceNormalizer : public Normalizer {
public:
  RegexReplaceNormalizer(Regex p, std::string_view c)
      : pattern(std::move(p)), content(codePoints(c)) {}
  bool apply(NormalizedChars &text, std::size_t limit) const override {
    std::string bytes;
    for (char32_t c : text.chars)
      unicode::append(bytes, c);
    std::size_t begin, end, byte = 0, at = 0;
    if (!pattern.find(bytes, 0, begin, end))
      return true;
    NormalizedChars out;
    auto advance = [&](std::size_t to, bool keep) {
      for (; byte < to; ++at) {
        byte += unicode::sequenceLength(static_cast<unsigned char>(bytes[byte]));
        if (keep)
          out.push(text.chars[at], text.spans[at]);
      }
    };
    do {
      advance(begin, true);
      advance(end, false);
      for (char32_t c : content)
        out.push(c, text.spans[at - 1]);
      if (out.chars.size() > limit)
        return false;
    } while (pattern.find(bytes, end, begin, end));
    advance(bytes.size(), true);
    text = std::move(out);
    return text.chars.size() <= limit;
  }

private:
  Regex pattern;
  std::vector<char32_t> content;
};

} // namespace

std::unique_ptr<Normalizer> makeBertNormalizer(const BertNormalizerOptions &options) {
  return std::make_unique<BertNormalizer>(options);
}
std::unique_ptr<Normalizer> makeLowercase() { return std::make_unique<LowercaseNormalizer>(); }
std::unique_ptr<Normalizer> makeFormNormalizer(NormalForm form) {
  return std::make_unique<FormNormalizer>(form);
}
std::unique_ptr<Normalizer> makeStripAccents() {
  return std::make_unique<StripAccentsNormalizer>();
}
std::unique_ptr<Normalizer> makeStrip(bool left, bool right) {
  return std::make_unique<StripNormalizer>(left, right);
}
std::unique_ptr<Normalizer> makePrepend(std::string_view content) {
  return std::make_unique<PrependNormalizer>(content);
}
std::unique_ptr<Normalizer> makeReplace(std::string_view pattern, std::string_view content) {
  return std::make_unique<ReplaceNormalizer>(pattern, content);
}
std::unique_ptr<Normalizer> makeRegexReplace(Regex pattern, std::string_view content) {
  return std::make_unique<RegexReplaceNormalizer>(std::move(pattern), content);
}

Status normalizeInto(const NormalizerList &list, std::string_view raw, std::int32_t firstIndex,
                     NormalizedText &out) {
  if (list.empty()) {
    out.appendRaw(raw, firstIndex);
    return Status::ok();
  }
  if (list.size() == 1 && list[0]->applyFast(raw, firstIndex, out))
    return Status::ok();
  NormalizedChars chars;
  chars.chars.reserve(raw.size());
  chars.spans.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size(); ++firstIndex)
    chars.push(unicode::decodeNext(raw, at), {firstIndex, firstIndex + 1});
  std::size_t limit = raw.size() * 64 + 65536;
  for (const auto &step : list)
    if (!step->apply(chars, limit))
      return Status::error("tokenizer: expected normalized text of at most " +
                           std::to_string(limit) +
                           " characters, but the normalizer makes a text of " +
                           std::to_string(raw.size()) + " bytes grow beyond that");
  for (std::size_t i = 0; i < chars.chars.size(); ++i)
    out.append(chars.chars[i], chars.spans[i]);
  return Status::ok();
}

} // namespace ftc::rt
