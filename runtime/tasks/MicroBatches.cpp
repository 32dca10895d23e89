// Cutting a batch into micro-batches that fit an artifact's capacities.
#include "runtime/tasks/Batch.h"

namespace ftc::rt {

namespace {

std::string overCapacity(std::int64_t line, std::string_view what, std::int64_t needed,
                         std::int64_t capacity, std::string_view advice) {
  return "the example of line " + std::to_string(line) + " needs " + std::to_string(needed) +
         " " + std::string(what) + ", but the artifact was compiled for at most " +
         std::to_string(capacity) + " in one micro-batch; " + std::string(advice);
}

constexpr std::string_view kTokenAdvice =
    "compile with a larger --max_tokens or a smaller --max_seq_length";
constexpr std::string_view kTargetAdvice =
    "compile with a larger --max_tokens or a smaller --max_target_length";

} // namespace

std::int64_t countLabels(std::span<const Example *const> examples) {
  std::int64_t counted = 0;
  for (const Example *example : examples)
    counted += example->countedLabels();
  return counted;
}

Status splitMicroBatches(std::span<const Example *const> examples,
                         const BatchCapacity &capacity, LabelPlacement placement,
                         std::vector<MicroBatch> &out) {
  out.clear();
  bool tokenLabels = placement == LabelPlacement::Token;
  bool targets = placement == LabelPlacement::Target;
  std::int64_t tokens = 0, labelled = 0, target = 0, begin = 0;
  for (std::int64_t index = 0; index < static_cast<std::int64_t>(examples.size()); ++index) {
    const Example &example = *examples[index];
    std::int64_t needed = example.labelledRows(placement);
    if (example.tokens() > capacity.tokens)
      return Status::error(overCapacity(example.line, "tokens", example.tokens(),
                                        capacity.tokens, kTokenAdvice));
    if (targets && example.targetTokens() > capacity.target)
      return Status::error(overCapacity(example.line, "target tokens", example.targetTokens(),
                                        capacity.target, kTargetAdvice));
    if (tokenLabels && needed > capacity.labelled)
      return Status::error(
          overCapacity(example.line, "labelled rows", needed, capacity.labelled, kTokenAdvice));
    if (capacity.sequences < 1)
      return Status::error(overCapacity(example.line, "sequences", 1, capacity.sequences,
                                        "compile the model again"));
    bool full = tokens + example.tokens() > capacity.tokens ||
                index - begin >= capacity.sequences ||
                (tokenLabels && labelled + needed > capacity.labelled) ||
                (targets && target + example.targetTokens() > capacity.target);
    if (full) {
      out.push_back({begin, index});
      begin = index;
      tokens = labelled = target = 0;
    }
    tokens += example.tokens();
    target += example.targetTokens();
    labelled += needed;
  }
  if (begin < static_cast<std::int64_t>(examples.size()))
    out.push_back({begin, static_cast<std::int64_t>(examples.size())});
  return {};
}

} // namespace ftc::rt
