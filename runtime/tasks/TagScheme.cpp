// Counting what begins entities, and saying what it means.
#include "runtime/tasks/TagScheme.h"

#include <string_view>

namespace ftc::rt {

namespace {

bool isTag(std::string_view tag) {
  return tag.size() > 2 && tag[1] == '-' &&
         std::string_view("BIESLU").find(tag[0]) != std::string_view::npos;
}

} // namespace

void TagSchemeDetector::addSentence(std::span<const std::string> tags) {
  std::string_view previousType;
  for (const std::string &text : tags) {
    std::string_view tag = text, type;
    if (isTag(tag)) {
      type = tag.substr(2);
      bool sameType = type == previousType;
      endOrSingle += tag[0] == 'E' || tag[0] == 'S';
      lastOrUnit += tag[0] == 'L' || tag[0] == 'U';
      beginsWithI += tag[0] == 'I' && !sameType;
      freeB += tag[0] == 'B' && !sameType;
      tiedB += tag[0] == 'B' && sameType;
      entities += !sameType || tag[0] == 'B';
    } else {
      foreign += tag != "O";
    }
    previousType = type;
  }
}

TagScheme TagSchemeDetector::scheme() const {
  if (foreign > 0 || entities == 0)
    return TagScheme::None;
  if (lastOrUnit > 0)
    return TagScheme::Bilou;
  if (endOrSingle > 0)
    return TagScheme::Bioes;
  if (beginsWithI == 0)
    return TagScheme::Iob2;
  return freeB == 0 ? TagScheme::Iob1 : TagScheme::Mixed;
}

std::string TagSchemeDetector::description() const {
  switch (scheme()) {
  case TagScheme::None:
    return "the tags follow no scheme of B- and I- tags: every metric but accuracy is "
           "computed as seqeval would";
  case TagScheme::Iob2:
    return {};
  case TagScheme::Iob1:
    return "the tags follow IOB1 (entities begin with I-): the default metrics count them all, "
           "the strict ones (IOB2) only those that begin with B-";
  case TagScheme::Mixed:
    return std::to_string(beginsWithI) + " of " + std::to_string(entities) +
           " entities begin with I- and the others with B-: the default metrics count them "
           "all, the strict ones (IOB2) only those that begin with B-";
  case TagScheme::Bioes:
    return "the tags follow BIOES (E- ends, S- is a single word): the default metrics count "
           "them; strict metrics (IOB2) do not apply and are left out";
  case TagScheme::Bilou:
    return "the tags follow BILOU (L- ends, U- is a single word), which seqeval's default "
           "metrics read only in part; strict metrics (IOB2) do not apply and are left out";
  }
  return {};
}

} // namespace ftc::rt
