// The rules GB3 to GB13 of UAX #29, run forwards over one cluster.
#include "runtime/tokenizers/Graphemes.h"

#include <cstdint>

namespace ftc::rt {
namespace {

#include "runtime/tokenizers/unicode/Graphemes.inc"

/// In the order of makeGraphemeTables.py; the flags Links and ExtendsConjunct come on top.
enum Kind : std::uint8_t {
  Other,
  Control,
  Extend,
  Joiner,
  SpacingMark,
  Prepend,
  Pictographic,
  Regional,
  Lead,
  Vowel,
  Trail,
  LeadVowel,
  LeadVowelTrail,
  Consonant,
  Links = 16,
  ExtendsConjunct = 32
};

std::uint8_t classOf(char32_t c) {
  return c < 0x110000 ? graphemeBlocks[graphemeIndex[c >> 7] * 128u + (c & 127)] : Other;
}

/// What has been seen of the cluster so far.
struct Cluster {
  std::uint8_t last;    ///< kind of the last character
  bool emoji = false;   ///< ends in a pictograph and its extensions
  bool joined = false;  ///< ... and a joiner
  bool letter = false;  ///< ends in a consonant with marks that keep a conjunct open
  bool linked = false;  ///< ... one of which links
  bool oddFlag = false; ///< ends in an odd number of regional indicators

  void take(std::uint8_t bits) {
    std::uint8_t kind = bits & 15;
    joined = emoji && kind == Joiner;
    emoji = kind == Pictographic || (emoji && (kind == Extend || kind == Joiner));
    if (joined)
      emoji = false;
    bool open = letter && (bits & (Links | ExtendsConjunct));
    linked = open && (linked || (bits & Links));
    letter = open || kind == Consonant;
    oddFlag = kind == Regional && !oddFlag;
    last = kind;
  }

  bool joins(std::uint8_t next) const {
    std::uint8_t kind = next & 15;
    if (last == Control || kind == Control)
      return false;
    if (kind == Extend || kind == Joiner || kind == SpacingMark || last == Prepend)
      return true;
    switch (kind) {
    case Lead:
    case LeadVowel:
    case LeadVowelTrail:
      return last == Lead;
    case Vowel:
      return last == Lead || last == Vowel || last == LeadVowel;
    case Trail:
      return last == Vowel || last == Trail || last == LeadVowel || last == LeadVowelTrail;
    case Pictographic:
      return joined;
    case Regional:
      return oddFlag;
    case Consonant:
      return linked;
    default:
      return false;
    }
  }
};

} // namespace

std::size_t graphemeEnd(std::span<const char32_t> text, std::size_t at) {
  char32_t c = text[at++];
  if (at == text.size())
    return at;
  if (c == '\r')
    return text[at] == '\n' ? at + 1 : at;
  if (c < 0x80 && text[at] < 0x80)
    return at;
  Cluster cluster;
  cluster.take(classOf(c));
  for (; at < text.size(); ++at) {
    std::uint8_t next = classOf(text[at]);
    if (!cluster.joins(next))
      break;
    cluster.take(next);
  }
  return at;
}

} // namespace ftc::rt
