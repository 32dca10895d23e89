// Search: the continuation of one text. A search says which token rows run next and takes their
// logits; many searches share a batch without knowing of each other.
#pragma once

#include "runtime/generation/GenerationSettings.h"

#include <memory>
#include <span>

namespace ftc::rt {

/// A running continuation: what follows `parent`, a row of the step before.
struct Beam {
  std::int32_t parent = 0; ///< index among the rows of the last step; 0 before the first
  std::int32_t token = 0;  ///< the token whose row runs next
};

class Search {
public:
  virtual ~Search() = default;

  /// Takes the logits of the rows of running(), [rows * vocabulary], row after row; the first
  /// time those of the prompt's last token, one row. Fails on logits that are not finite,
  /// unless remove_invalid_values takes them.
  virtual Status advance(std::span<const float> logits) = 0;
  /// Nothing is left to run.
  virtual bool done() const = 0;
  /// What runs next, with the rows that it continues. Empty before the first advance.
  virtual std::span<const Beam> running() const = 0;
  /// The best continuation, once done: its tokens without the prompt, an end token included.
  virtual std::vector<std::int32_t> result() const = 0;
};

/// Greedy search or sampling where num_beams is 1, else beam search. Sampling beams are refused
/// by name, and an encoder_repetition_penalty of beams, for transformers penalizes one row of
/// all. Sampling is a function of `seed`, `sequence` and the token's position alone. `source`:
/// what an encoder reads; empty: there is none, and the prompt is what a text answers. Fails
/// when the prompt is empty or already has max_length tokens.
Result<std::unique_ptr<Search>> makeSearch(const GenerationSettings &settings,
                                           std::vector<std::int32_t> prompt,
                                           std::int64_t vocabulary, std::uint32_t seed,
                                           std::uint32_t sequence,
                                           std::vector<std::int32_t> source = {});

/// Greedy search and sampling, then beam search: the two that makeSearch chooses from.
std::unique_ptr<Search> makeGreedySearch(const GenerationSettings &settings,
                                         std::vector<std::int32_t> prompt,
                                         std::vector<std::int32_t> source,
                                         std::int64_t vocabulary, std::uint32_t seed,
                                         std::uint32_t sequence);
std::unique_ptr<Search> makeBeamSearch(const GenerationSettings &settings,
                                       std::vector<std::int32_t> prompt,
                                       std::vector<std::int32_t> source,
                                       std::int64_t vocabulary);

/// Fails unless there are `rows` rows of logits, finite ones unless remove_invalid_values is
/// set.
Status checkLogits(const GenerationSettings &settings, std::span<const float> logits,
                   std::size_t rows, std::int64_t vocabulary);

} // namespace ftc::rt
