// Look-ups in the recorded tables, Hangul arithmetic, and UTF-8.
#include "runtime/tokenizers/Unicode.h"

#include <algorithm>
#include <iterator>

namespace ftc::rt::unicode {
namespace {

#include "runtime/tokenizers/unicode/Forms.inc"
#include "runtime/tokenizers/unicode/Properties.inc"

constexpr std::uint32_t hangulBase = 0xac00, hangulCount = 11172;
constexpr std::uint32_t leadBase = 0x1100, vowelBase = 0x1161, tailBase = 0x11a7;
constexpr std::uint32_t leadCount = 19, vowelCount = 21, tailCount = 28;

template <std::size_t N, std::size_t M, std::size_t P>
std::span<const std::uint32_t> lookUp(const std::uint32_t (&keys)[N],
                                      const std::uint16_t (&starts)[M],
                                      const std::uint32_t (&pool)[P], std::uint32_t c) {
  static_assert(M == N + 1 && P < 65536);
  const std::uint32_t *found = std::lower_bound(keys, keys + N, c);
  if (found == keys + N || *found != c)
    return {};
  std::size_t at = found - keys;
  return {pool + starts[at], std::size_t(starts[at + 1] - starts[at])};
}

/// Length of the valid sequence at `at`, or 0; `wrong` gets the length of the maximal invalid
/// part there.
unsigned checkSequence(std::string_view s, std::size_t at, unsigned &wrong) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char lead = byte(at);
  wrong = 1;
  if (lead < 0x80)
    return 1;
  unsigned length = lead >= 0xc2 && lead <= 0xdf   ? 2
                    : lead >= 0xe0 && lead <= 0xef ? 3
                    : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                   : 0;
  if (length == 0)
    return 0;
  for (unsigned i = 1; i < length; ++i) {
    unsigned char low = 0x80, high = 0xbf;
    if (i == 1) {
      low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
      high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    }
    if (at + i >= s.size() || byte(at + i) < low || byte(at + i) > high) {
      wrong = i;
      return 0;
    }
  }
  return length;
}

} // namespace

std::uint32_t properties(char32_t c) {
  if (c >= 0x110000)
    return 0;
  return propertyClasses[propertyBlocks[propertyIndex[c >> 7] * 128u + (c & 127)]];
}

std::span<const std::uint32_t> lowerCase(char32_t c) {
  return lookUp(lowerKeys, lowerStarts, lowerPool, c);
}

std::span<const std::uint32_t> decompose(char32_t c, bool compatible, std::uint32_t *hangul) {
  std::uint32_t syllable = c - hangulBase;
  if (syllable < hangulCount) {
    hangul[0] = leadBase + syllable / (vowelCount * tailCount);
    hangul[1] = vowelBase + syllable % (vowelCount * tailCount) / tailCount;
    hangul[2] = tailBase + syllable % tailCount;
    return {hangul, hangul[2] == tailBase ? 2u : 3u};
  }
  if (compatible)
    if (auto full = lookUp(compatKeys, compatStarts, compatPool, c); !full.empty())
      return full;
  return lookUp(canonicalKeys, canonicalStarts, canonicalPool, c);
}

std::uint8_t combiningClass(char32_t c) {
  const std::uint32_t *found = std::lower_bound(std::begin(markKeys), std::end(markKeys), c);
  if (found == std::end(markKeys) || *found != c)
    return 0;
  return markClasses[found - markKeys];
}

char32_t compose(char32_t first, char32_t second) {
  if (first - leadBase < leadCount && second - vowelBase < vowelCount)
    return hangulBase + ((first - leadBase) * vowelCount + (second - vowelBase)) * tailCount;
  if (first - hangulBase < hangulCount && (first - hangulBase) % tailCount == 0 &&
      second - tailBase - 1 < tailCount - 1)
    return first + (second - tailBase);
  std::size_t low = 0, high = std::size(composeFirst);
  while (low < high) {
    std::size_t middle = (low + high) / 2;
    if (composeFirst[middle] < first ||
        (composeFirst[middle] == first && composeSecond[middle] < second))
      low = middle + 1;
    else
      high = middle;
  }
  bool hit = low < std::size(composeFirst) && composeFirst[low] == first &&
             composeSecond[low] == second;
  return hit ? composeResult[low] : 0;
}

char32_t decodeNext(std::string_view text, std::size_t &at) {
  auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  std::uint32_t lead = byte(at);
  if (lead < 0x80) {
    at += 1;
    return lead;
  }
  if (lead < 0xe0) {
    char32_t c = (lead & 0x1f) << 6 | (byte(at + 1) & 0x3f);
    at += 2;
    return c;
  }
  if (lead < 0xf0) {
    char32_t c = (lead & 0xf) << 12 | (byte(at + 1) & 0x3f) << 6 | (byte(at + 2) & 0x3f);
    at += 3;
    return c;
  }
  char32_t c = (lead & 7) << 18 | (byte(at + 1) & 0x3f) << 12 | (byte(at + 2) & 0x3f) << 6 |
               (byte(at + 3) & 0x3f);
  at += 4;
  return c;
}

char32_t decodePrevious(std::string_view text, std::size_t &at) {
  --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
    --at;
  std::size_t start = at;
  return decodeNext(text, start);
}

void append(std::string &out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

std::string lossy(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    unsigned wrong, length = checkSequence(bytes, at, wrong);
    if (length) {
      out.append(bytes, at, length);
      at += length;
    } else {
      out += "\xef\xbf\xbd";
      at += wrong;
    }
  }
  return out;
}

} // namespace ftc::rt::unicode
