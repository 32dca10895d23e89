// seqeval's strict mode with scheme IOB2: an entity is "B-X" and the "I-X" that follow it;
// anything else is no entity.
#pragma once

#include "runtime/metrics/EntityCounts.h"

#include <span>

namespace ftc::rt {

class SeqevalStrict {
public:
  /// True when every label begins with B, I or O: seqeval refuses the others in this mode.
  static bool accepts(std::span<const std::string> labels);

  /// `labels`: the text of each class id; accepts(labels) must hold.
  explicit SeqevalStrict(std::span<const std::string> labels);

  /// Counts one sentence; both spans have one class id a word.
  void addSentence(std::span<const std::int32_t> truth,
                   std::span<const std::int32_t> predicted);

  const EntityCounts &counts() const { return entities; }

private:
  struct Tag {
    char prefix = 'O';
    int type = -1;
  };
  /// An entity being read: its first word, or -1 when outside.
  struct Open {
    std::int64_t begin = -1;
    int type = -1;
  };
  /// Reads one tag; returns the entity that ended just before it, begin -1 when none did.
  static Open read(Open &open, Tag tag, std::int64_t word);
  void step(Open &truth, Open &predicted, Tag trueTag, Tag predictedTag, std::int64_t word);

  std::vector<Tag> tags;
  EntityCounts entities;
};

} // namespace ftc::rt
