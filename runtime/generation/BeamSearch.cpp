// Beam search as transformers 4.57's `_beam_search`: candidates, finished sequences, early
// stopping and its constants are that function's, in f32.
#include "runtime/generation/LogitsProcessors.h"
#include "runtime/generation/Search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ftc::rt {

namespace {

/// What transformers adds to a score to take it out of the running.
constexpr float kOut = -1.0e9f;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Hypothesis {
  std::vector<std::int32_t> tokens; ///< with the prompt
  float score = kOut;
  bool finished = false;
};

/// One of the best extensions of the running beams.
struct Candidate {
  float score;
  std::int32_t beam, token;
  bool stops;
};

class BeamSearch final : public Search {
public:
  BeamSearch(const GenerationSettings &settings, std::vector<std::int32_t> prompt,
             std::vector<std::int32_t> source, std::int64_t vocabulary)
      : settings(settings), source(std::move(source)),
        beams(static_cast<std::size_t>(settings.numBeams)),
        vocabulary(static_cast<std::size_t>(vocabulary)), promptLength(prompt.size()),
        length(prompt.size()) {
    // All beams begin as the prompt; the first alone may be continued.
    live.assign(beams, {prompt, kOut, false});
    live[0].score = 0;
    best.assign(beams, {std::move(prompt), kOut, false});
  }

  Status advance(std::span<const float> logits) override {
    bool first = length == promptLength;
    FTC_RETURN_IF_ERROR(checkLogits(settings, logits, first ? 1 : beams,
                                    static_cast<std::int64_t>(vocabulary)));
    std::vector<Candidate> candidates = topCandidates(logits, first);
    std::vector<Hypothesis> extended;
    for (const Candidate &candidate : candidates) {
      Hypothesis next = live[candidate.beam];
      next.tokens.push_back(candidate.token);
      extended.push_back(std::move(next));
    }
    takeFinished(candidates, extended);
    bool continues = continueBeams(candidates, extended, first);
    ++length;
    open = open && improvementPossible();
    bool full = std::all_of(best.begin(), best.end(), isFinished) &&
                settings.earlyStopping == EarlyStopping::True;
    finished = !(open && !full && continues);
    return {};
  }

  bool done() const override { return finished; }
  std::span<const Beam> running() const override {
    return finished ? std::span<const Beam>() : std::span<const Beam>(next);
  }
  std::vector<std::int32_t> result() const override {
    return {best[0].tokens.begin() + static_cast<std::ptrdiff_t>(promptLength),
            best[0].tokens.end()};
  }

private:
  static bool isFinished(const Hypothesis &hypothesis) { return hypothesis.finished; }

  /// Indices by falling score; equal ones as they stand.
  static std::vector<std::size_t> bestFirst(const std::vector<Hypothesis> &list) {
    std::vector<std::size_t> order(list.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return list[a].score != list[b].score ? list[a].score > list[b].score : a < b;
    });
    return order;
  }

  /// The best max(2, 1 + end tokens) * num_beams extensions of all beams, best first; equal
  /// scores by beam, then by token.
  std::vector<Candidate> topCandidates(std::span<const float> logits, bool first) {
    std::size_t keep = std::max<std::size_t>(2, 1 + settings.endIds.size()) * beams;
    keep = std::min(keep, beams * vocabulary);
    auto better = [](const Candidate &a, const Candidate &b) {
      return a.score != b.score ? a.score > b.score
             : a.beam != b.beam ? a.beam < b.beam
                                : a.token < b.token;
    };
    std::vector<Candidate> heap; // the worst of the kept ones in front
    std::vector<float> row(vocabulary);
    for (std::size_t beam = 0; beam < beams; ++beam) {
      std::span<const float> own = logits.subspan(first ? 0 : beam * vocabulary, vocabulary);
      std::copy(own.begin(), own.end(), row.begin());
      // A log softmax over a NaN or an infinity is NaN throughout (remove_invalid_values).
      if (std::any_of(row.begin(), row.end(), [](float x) { return !(x < kInfinity); }))
        std::fill(row.begin(), row.end(), std::numeric_limits<float>::quiet_NaN());
      else
        logSoftmax(row);
      processScores(settings, {source, live[beam].tokens, promptLength}, row);
      for (std::size_t token = 0; token < vocabulary; ++token) {
        Candidate candidate{row[token] + live[beam].score, static_cast<std::int32_t>(beam),
                            static_cast<std::int32_t>(token), false};
        if (heap.size() == keep && !better(candidate, heap.front()))
          continue;
        if (heap.size() == keep) {
          std::pop_heap(heap.begin(), heap.end(), better);
          heap.pop_back();
        }
        heap.push_back(candidate);
        std::push_heap(heap.begin(), heap.end(), better);
      }
    }
    std::sort(heap.begin(), heap.end(), better);
    for (Candidate &candidate : heap)
      candidate.stops = settings.isEnd(candidate.token) ||
                        static_cast<std::int64_t>(length + 1) >= settings.maxLength;
    return heap;
  }

  /// Finished ones among the first num_beams candidates compete with those finished before.
  void takeFinished(const std::vector<Candidate> &candidates,
                    const std::vector<Hypothesis> &extended) {
    float divisor = static_cast<float>(
        std::pow(static_cast<double>(length + 1 - promptLength), settings.lengthPenalty));
    bool full = std::all_of(best.begin(), best.end(), isFinished) &&
                settings.earlyStopping == EarlyStopping::True;
    std::vector<Hypothesis> merged = best;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      bool justFinished = candidates[i].stops && i < beams;
      Hypothesis hypothesis = extended[i];
      hypothesis.score = candidates[i].score / divisor;
      hypothesis.score += full ? kOut : 0.0f;
      hypothesis.score += open ? 0.0f : kOut;
      hypothesis.score += justFinished ? 0.0f : kOut;
      hypothesis.finished = justFinished;
      merged.push_back(std::move(hypothesis));
    }
    best.clear();
    for (std::size_t i : bestFirst(merged))
      if (best.size() < beams)
        best.push_back(std::move(merged[i]));
  }

  /// The best candidates that go on run next. False when every candidate stops.
  bool continueBeams(const std::vector<Candidate> &candidates,
                     std::vector<Hypothesis> &extended, bool first) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      extended[i].score = candidates[i].score + (candidates[i].stops ? kOut : 0.0f);
    std::vector<std::size_t> order = bestFirst(extended);
    live.clear();
    next.clear();
    for (std::size_t i = 0; i < std::min(beams, order.size()); ++i) {
      const Candidate &candidate = candidates[order[i]];
      live.push_back(std::move(extended[order[i]]));
      next.push_back({first ? 0 : candidate.beam, candidate.token});
    }
    return std::any_of(candidates.begin(), candidates.end(),
                       [](const Candidate &candidate) { return !candidate.stops; });
  }

  /// Whether the best running beam could still beat the worst finished one.
  bool improvementPossible() const {
    bool never = settings.earlyStopping == EarlyStopping::Never && settings.lengthPenalty > 0;
    double reach = static_cast<double>(
        (never ? static_cast<std::size_t>(settings.maxLength) : length) - promptLength);
    float possible =
        live[0].score / static_cast<float>(std::pow(reach, settings.lengthPenalty));
    float worst = std::numeric_limits<float>::infinity();
    for (const Hypothesis &hypothesis : best)
      worst = std::min(worst, hypothesis.score);
    return std::any_of(best.begin(), best.end(), [&](const Hypothesis &hypothesis) {
      return possible > (hypothesis.finished ? worst : kOut);
    });
  }

  GenerationSettings settings;
  std::vector<std::int32_t> source;
  std::size_t beams, vocabulary, promptLength;
  std::size_t length; ///< tokens of every running beam, the prompt's included
  std::vector<Hypothesis> live, best;
  std::vector<Beam> next;
  bool open = true; ///< transformers' is_early_stop_heuristic_unsatisfied
  bool finished = false;
};

} // namespace

std::unique_ptr<Search> makeBeamSearch(const GenerationSettings &settings,
                                       std::vector<std::int32_t> prompt,
                                       std::vector<std::int32_t> source,
                                       std::int64_t vocabulary) {
  return std::make_unique<BeamSearch>(settings, std::move(prompt), std::move(source),
                                      vocabulary);
}

} // namespace ftc::rt
