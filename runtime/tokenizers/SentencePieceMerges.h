// The merges of a SentencePiece BPE model, which keeps scores of pieces alone.
#pragma once

#include "runtime/tokenizers/Model.h"

#include <string>
#include <vector>

namespace ftc::rt {

/// Every split of a piece into two pieces is a merge; better scores come first, then longer
/// left and right parts, as in transformers' generate_merges (convert_slow_tokenizer.py). Only
/// pieces that `takes` names are made or used. Fails when there are too many to be a
/// vocabulary's.
Result<Merges> sentencePieceMerges(const std::vector<std::string> &pieces,
                                   const std::vector<float> &scores,
                                   const std::vector<bool> &takes);

} // namespace ftc::rt
