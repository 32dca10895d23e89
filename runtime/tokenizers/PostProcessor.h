// Post-processing: which special tokens stand where, type ids, trimmed offsets, truncation.
#pragma once

#include "runtime/tokenizers/NormalizedText.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <cstdint>
#include <vector>

namespace ftc::rt {

/// One sequence's tokens before special tokens are added.
struct SequenceTokens {
  struct Margins {
    std::uint32_t leading, trailing; ///< spaces (or their stand-ins) at a token's ends
  };
  std::vector<std::int32_t> ids;
  std::vector<Span> offsets;
  std::vector<std::int32_t> words;
  std::vector<Margins> margins; ///< filled where the post-processor trims
};

/// What stands at one place of the output: special tokens, or a sequence.
struct TemplateItem {
  std::int32_t sequence = -1; ///< 0, 1, or -1: special tokens
  std::int32_t typeId = 0;
  std::vector<std::int32_t> ids; ///< special tokens
};
using Template = std::vector<TemplateItem>;

struct PostProcessor {
  /// With special tokens and without, for one sequence ([0]) and a pair ([1]).
  Template full[2], plain[2];
  /// One entry a pass that trims offsets: its add_prefix_space.
  std::vector<bool> trims;

  /// $A, and $A $B:1, without special tokens.
  PostProcessor();
  /// Number of special tokens added to one sequence or to a pair.
  std::int32_t added(bool pair) const;
};

PostProcessor makeBertProcessor(std::int32_t cls, std::int32_t sep);
PostProcessor makeRobertaProcessor(std::int32_t cls, std::int32_t sep);
/// `single` and `pair` with special tokens.
PostProcessor makeTemplateProcessor(Template single, Template pair);

/// Cuts, trims and joins one or two sequences. Fails when maxLength leaves no room for the
/// special tokens, or when the sequence to be cut is too short for it.
Result<Encoding> postProcess(const PostProcessor &processor, SequenceTokens *sequences,
                             bool pair, const EncodeOptions &options);

/// A pair's windows over the second sequence (see Tokenizer::encodeWindows).
Result<std::vector<Encoding>> postProcessWindows(const PostProcessor &processor,
                                                 const SequenceTokens *sequences,
                                                 const EncodeOptions &options,
                                                 std::int64_t overlap);

} // namespace ftc::rt
