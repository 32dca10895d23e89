// seqeval's default mode, which is conlleval's: an entity may begin with any tag, "I-X" after
// "O" included. Read tag by tag; both sides are compared as they go.
#pragma once

#include "runtime/metrics/EntityCounts.h"

#include <span>

namespace ftc::rt {

class SeqevalLenient {
public:
  /// `labels`: the text of each class id ("B-LOC"), none empty.
  explicit SeqevalLenient(std::span<const std::string> labels);

  /// Counts one sentence; both spans have one class id a word.
  void addSentence(std::span<const std::int32_t> truth,
                   std::span<const std::int32_t> predicted);

  const EntityCounts &counts() const { return entities; }

private:
  struct Tag {
    char prefix = 0; ///< one of O B I E S . or 0 for anything else
    int type = -1;
  };
  /// What has been read of one side. An entity that ends is [begin, position).
  struct Reader {
    Tag previous{'O', -1};
    std::int64_t begin = 0;
    std::int64_t endedBegin = 0;
    int endedType = -1;
    /// Reads the tag at `position`; true when an entity ended just before it.
    bool read(Tag tag, std::int64_t position);
  };
  void step(Tag truth, Tag predicted);

  std::vector<Tag> tags;
  Tag outside;
  EntityCounts entities;
  Reader truthReader, predictedReader;
  std::int64_t position = 0;
};

} // namespace ftc::rt
