// The lenient reader: where an entity ends and where one begins depends on two neighbouring
// tags alone. Sentences are joined with an "O" between them, as seqeval joins them.
#include "runtime/metrics/SeqevalLenient.h"

namespace ftc::rt {

namespace {

/// Bytes of the first character of valid UTF-8.
std::size_t firstCharacter(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    ++length;
  return length;
}

bool oneOf(char prefix, std::string_view set) {
  return prefix != 0 && set.find(prefix) != std::string_view::npos;
}

bool ends(char previous, char now, bool otherType) {
  if (previous == 'E' || previous == 'S')
    return true;
  if ((previous == 'B' || previous == 'I') && oneOf(now, "BSO"))
    return true;
  return previous != 'O' && previous != '.' && otherType;
}

bool begins(char previous, char now, bool otherType) {
  if (now == 'B' || now == 'S')
    return true;
  if (oneOf(previous, "ESO") && (now == 'E' || now == 'I'))
    return true;
  return now != 'O' && now != '.' && otherType;
}

} // namespace

SeqevalLenient::SeqevalLenient(std::span<const std::string> labels) {
  outside = {'O', entities.typeIndex("_")};
  for (const std::string &label : labels) {
    std::size_t head = label.empty() ? 0 : firstCharacter(label);
    Tag tag;
    if (head == 1 && oneOf(label[0], "OBIES."))
      tag.prefix = label[0];
    std::string_view type = std::string_view(label).substr(head);
    if (std::size_t dash = type.find('-'); dash != std::string_view::npos)
      type.remove_prefix(dash + 1);
    tag.type = entities.typeIndex(type.empty() ? "_" : type);
    tags.push_back(tag);
  }
}

bool SeqevalLenient::Reader::read(Tag tag, std::int64_t position) {
  bool otherType = previous.type != tag.type;
  bool ended = ends(previous.prefix, tag.prefix, otherType);
  if (ended) {
    endedBegin = begin;
    endedType = previous.type;
  }
  if (begins(previous.prefix, tag.prefix, otherType))
    begin = position;
  previous = tag;
  return ended;
}

void SeqevalLenient::step(Tag truth, Tag predicted) {
  bool trueEnded = truthReader.read(truth, position);
  bool predictedEnded = predictedReader.read(predicted, position);
  ++position;
  if (trueEnded)
    entities.addTrue(truthReader.endedType);
  if (predictedEnded)
    entities.addPredicted(predictedReader.endedType);
  if (trueEnded && predictedEnded && truthReader.endedType == predictedReader.endedType &&
      truthReader.endedBegin == predictedReader.endedBegin)
    entities.addRight(truthReader.endedType);
}

void SeqevalLenient::addSentence(std::span<const std::int32_t> truth,
                                 std::span<const std::int32_t> predicted) {
  for (std::size_t word = 0; word < truth.size(); ++word)
    step(tags[truth[word]], tags[predicted[word]]);
  step(outside, outside);
}

} // namespace ftc::rt
