// The strict reader: one open entity a side.
#include "runtime/metrics/SeqevalStrict.h"

namespace ftc::rt {

bool SeqevalStrict::accepts(std::span<const std::string> labels) {
  for (const std::string &label : labels)
    if (label.empty() || (label[0] != 'B' && label[0] != 'I' && label[0] != 'O'))
      return false;
  return true;
}

SeqevalStrict::SeqevalStrict(std::span<const std::string> labels) {
  for (const std::string &label : labels) {
    std::string_view type = std::string_view(label).substr(1);
    while (type.starts_with('-'))
      type.remove_prefix(1);
    while (type.ends_with('-'))
      type.remove_suffix(1);
    tags.push_back({label[0], entities.typeIndex(type.empty() ? "_" : type)});
  }
}

SeqevalStrict::Open SeqevalStrict::read(Open &open, Tag tag, std::int64_t word) {
  if (open.begin >= 0 && tag.prefix == 'I' && tag.type == open.type)
    return {};
  Open ended = open;
  open = {};
  if (tag.prefix == 'B')
    open = {word, tag.type};
  return ended;
}

void SeqevalStrict::step(Open &truth, Open &predicted, Tag trueTag, Tag predictedTag,
                         std::int64_t word) {
  Open trueEnded = read(truth, trueTag, word);
  Open predictedEnded = read(predicted, predictedTag, word);
  if (trueEnded.begin >= 0)
    entities.addTrue(trueEnded.type);
  if (predictedEnded.begin >= 0)
    entities.addPredicted(predictedEnded.type);
  if (trueEnded.begin >= 0 && trueEnded.begin == predictedEnded.begin &&
      trueEnded.type == predictedEnded.type)
    entities.addRight(trueEnded.type);
}

void SeqevalStrict::addSentence(std::span<const std::int32_t> truth,
                                std::span<const std::int32_t> predicted) {
  Open trueOpen, predictedOpen;
  for (std::size_t word = 0; word < truth.size(); ++word)
    step(trueOpen, predictedOpen, tags[truth[word]], tags[predicted[word]],
         static_cast<std::int64_t>(word));
  step(trueOpen, predictedOpen, Tag(), Tag(), static_cast<std::int64_t>(truth.size()));
}

} // namespace ftc::rt
