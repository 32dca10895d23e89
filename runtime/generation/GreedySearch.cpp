// One token after the other: the likeliest, or one drawn from what the warpers leave.
#include "runtime/generation/LogitsProcessors.h"
#include "runtime/generation/Search.h"
#include "runtime/support/Philox.h"

#include <algorithm>
#include <cmath>

namespace ftc::rt {

namespace {

class GreedySearch final : public Search {
public:
  GreedySearch(const GenerationSettings &settings, std::vector<std::int32_t> prompt,
               std::vector<std::int32_t> source, std::int64_t vocabulary, std::uint32_t seed,
               std::uint32_t sequence)
      : settings(settings), source(std::move(source)), tokens(std::move(prompt)),
        promptLength(tokens.size()),
        scores(static_cast<std::size_t>(vocabulary)), seed(seed), sequence(sequence) {}

  Status advance(std::span<const float> logits) override {
    FTC_RETURN_IF_ERROR(
        checkLogits(settings, logits, 1, static_cast<std::int64_t>(scores.size())));
    std::copy(logits.begin(), logits.end(), scores.begin());
    processScores(settings, {source, tokens, promptLength}, scores);
    std::int32_t token = settings.sample ? draw() : likeliest();
    tokens.push_back(token);
    next = {0, token};
    finished =
        settings.isEnd(token) || static_cast<std::int64_t>(tokens.size()) >= settings.maxLength;
    return {};
  }

  bool done() const override { return finished; }

  std::span<const Beam> running() const override {
    return finished || tokens.size() == promptLength ? std::span<const Beam>()
                                                     : std::span<const Beam>(&next, 1);
  }

  std::vector<std::int32_t> result() const override {
    return {tokens.begin() + static_cast<std::ptrdiff_t>(promptLength), tokens.end()};
  }

private:
  std::int32_t likeliest() const {
    return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) -
                                     scores.begin());
  }

  /// Inverse of the cumulative distribution at a counter-based uniform number.
  std::int32_t draw() {
    warpScores(settings, scores);
    float top = *std::max_element(scores.begin(), scores.end());
    if (!std::isfinite(top))
      return likeliest(); // a forced token of score 0 is finite; nothing else is left
    double total = 0;
    for (float score : scores)
      total += std::exp(static_cast<double>(score) - top);
    auto words = philox({seed, static_cast<std::uint32_t>(PhiloxStream::Sample)},
                        {sequence, static_cast<std::uint32_t>(tokens.size()), 0, 0});
    double target = (static_cast<double>(words[0]) + static_cast<double>(words[1]) * 0x1p-32) *
                    0x1p-32 * total;
    std::int32_t last = likeliest();
    for (std::size_t id = 0; id < scores.size(); ++id) {
      double share = std::exp(static_cast<double>(scores[id]) - top);
      if (share > 0)
        last = static_cast<std::int32_t>(id);
      target -= share;
      if (target < 0 && share > 0)
        break;
    }
    return last;
  }

  GenerationSettings settings;
  std::vector<std::int32_t> source;
  std::vector<std::int32_t> tokens; ///< the prompt and what follows
  std::size_t promptLength;
  std::vector<float> scores;
  std::uint32_t seed, sequence;
  Beam next;
  bool finished = false;
};

} // namespace

std::unique_ptr<Search> makeGreedySearch(const GenerationSettings &settings,
                                         std::vector<std::int32_t> prompt,
                                         std::vector<std::int32_t> source,
                                         std::int64_t vocabulary, std::uint32_t seed,
                                         std::uint32_t sequence) {
  return std::make_unique<GreedySearch>(settings, std::move(prompt), std::move(source),
                                        vocabulary, seed, sequence);
}

} // namespace ftc::rt
