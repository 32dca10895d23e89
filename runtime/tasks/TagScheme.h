// TagScheme: which tagging scheme a data set's tags follow, told from the tags themselves.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ftc::rt {

/// IOB2: entities begin with B-. IOB1: with I-, and B- only right after one of the same type.
/// BIOES also has E- and S-, BILOU L- and U-. Mixed: B- and I- begin entities without rule.
/// None: the tags are no such tags.
enum class TagScheme { None, Iob2, Iob1, Mixed, Bioes, Bilou };

/// Reads sentences one at a time and keeps what tells the schemes apart.
class TagSchemeDetector {
public:
  /// `tags`: one a word, as they stand in the data.
  void addSentence(std::span<const std::string> tags);
  TagScheme scheme() const;
  /// A sentence for people on what the scheme means for the metrics; empty for IOB2.
  std::string description() const;

private:
  std::int64_t beginsWithI = 0;     ///< I-X that begins an entity
  std::int64_t freeB = 0;           ///< B-X not right after a tag of type X
  std::int64_t tiedB = 0;           ///< B-X right after a tag of type X
  std::int64_t endOrSingle = 0;     ///< E- or S-
  std::int64_t lastOrUnit = 0;      ///< L- or U-
  std::int64_t foreign = 0;         ///< tags of no such form
  std::int64_t entities = 0;
};

} // namespace ftc::rt
