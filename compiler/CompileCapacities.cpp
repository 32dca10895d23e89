// Lengths of examples and capacities of micro-batches, from flags, model and data.
#include "compiler/Compilation.h"

#include "runtime/support/Text.h"
#include "runtime/tasks/Batch.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace ftc {

/// A prompt and a target share the model's positions: what no flag says gives way.
rt::Status Compilation::choosePromptedLengths() {
  std::int64_t &source = options.generation.maxSourceLength;
  std::int64_t &target = options.generation.maxTargetLength;
  std::int64_t positions = model.maxPositions;
  if (!target)
    target = std::min<std::int64_t>(128, source ? positions - source : positions / 2);
  if (!source)
    source = std::min<std::int64_t>(1024, positions - target);
  if (source < 1 || target < 1 || source + target > positions)
    return rt::Status::usage(
        "--max_source_length and --max_target_length: expected at most the model's " +
        std::to_string(positions) + " positions together, got " + std::to_string(source) +
        " and " + std::to_string(target));
  maxSequence = source + target;
  return {};
}

/// What would be refused by the first example is refused here.
rt::Status Compilation::checkRoom() const {
  rt::EncodeSettings settings;
  settings.maxSeqLength = static_cast<std::int32_t>(
      hasPromptedTargets() ? options.generation.maxSourceLength : maxSequence);
  settings.target.maxLength = static_cast<std::int32_t>(maxTarget);
  settings.target.tokenizer = targetTokenizer.get();
  return task->checkRoom(*tokenizer, settings);
}

/// Longest source and target: Hugging Face's defaults, within the model's positions.
rt::Status Compilation::chooseLengths() {
  if (hasPromptedTargets())
    return choosePromptedLengths();
  maxSequence = options.maxSequenceLength ? options.maxSequenceLength : model.maxPositions;
  if (hasTargets()) {
    maxSequence = options.generation.maxSourceLength
                      ? options.generation.maxSourceLength
                      : std::min<std::int64_t>(1024, model.maxPositions);
    maxTarget = options.generation.maxTargetLength
                    ? options.generation.maxTargetLength
                    : std::min<std::int64_t>(128, model.maxPositions);
  }
  if (hasTargets() && maxTarget < 2)
    return rt::Status::usage(
        "--max_target_length: expected at least 2, the start token and one "
        "more, got " +
        std::to_string(maxTarget));
  for (auto [flag, length] : {std::pair("--max_source_length ", maxSequence),
                              std::pair("--max_target_length ", maxTarget)})
    if (hasTargets() && length > model.maxPositions)
      return rt::Status::usage(flag + std::to_string(length) + " is more than the model's " +
                               std::to_string(model.maxPositions) + " positions");
  if (maxSequence > model.maxPositions)
    return rt::Status::usage("--max_seq_length " + std::to_string(maxSequence) +
                             " is more than the model's " + std::to_string(model.maxPositions) +
                             " positions");
  return {};
}

rt::Status Compilation::chooseCapacities() {
  FTC_RETURN_IF_ERROR(chooseLengths());
  FTC_RETURN_IF_ERROR(checkRoom());
  // Room for the longest sequence that evaluation may bring, and for 16 examples of about
  // mean length, at most 2048 tokens unless one sequence needs more.
  std::int64_t wanted =
      data.meanTokens ? 16 * std::min(data.meanTokens * 5 / 4, maxSequence) : 2048;
  maxTokens =
      options.maxTokens
          ? options.maxTokens
          : std::max(maxSequence, (std::min<std::int64_t>(wanted, 2048) + 63) / 64 * 64);
  std::int64_t longest = std::max(maxSequence, maxTarget);
  if (options.maxTokens && hasTargets() && maxTokens < longest)
    return rt::Status::usage("--max_tokens: expected at least " + std::to_string(longest) +
                             ", the longer of --max_source_length and --max_target_length: one "
                             "sequence must fit, got '" +
                             std::to_string(maxTokens) + "'");
  if (maxTokens < maxSequence)
    return rt::Status::usage(
        "--max_tokens: expected at least " + std::to_string(maxSequence) +
        (hasPromptedTargets() ? ", --max_source_length and --max_target_length together: one "
                                "sequence must fit"
         : options.maxSequenceLength
             ? ", the --max_seq_length: one sequence must fit"
             : ", the model's longest sequence (--max_seq_length sets a "
               "shorter one)") +
        ", got '" + std::to_string(maxTokens) + "'");
  std::int64_t wantedTargets =
      data.meanTarget ? 16 * std::min(data.meanTarget * 5 / 4, maxTarget) : 2048;
  maxTargets =
      options.maxTokens
          ? maxTokens
          : std::max(maxTarget, (std::min<std::int64_t>(wantedTargets, 2048) + 63) / 64 * 64);
  maxSequences = std::min(maxTokens, std::max<std::int64_t>(64, maxTokens / 32));
  for (const char *name : {"tokens", "input_ids.unique", "token_type_ids.unique",
                           "position_ids.unique", "labelled"})
    symbols.setCapacity(name, maxTokens);
  if (hasTargets())
    for (const char *name : {"target", "target_ids.unique", "target_position_ids.unique"})
      symbols.setCapacity(name, maxTargets);
  symbols.setCapacity("sequences", maxSequences);
  for (const char *counter : rt::kCounters)
    symbols.setCapacity(counter, 0);
  return chooseGenerationCapacity();
}

rt::Status Compilation::chooseGenerationCapacity() {
  if (!task->generates())
    return {};
  if (hasTargets()) {
    generation =
        chooseTargetGeneration(options.generation, *model.module, maxSequence, maxTarget);
  } else {
    FTC_ASSIGN_OR_RETURN(generation, chooseGeneration(options.generation, *model.module,
                                                      maxSequence, model.maxPositions));
  }
  declareGeneration(*generation, symbols);
  options.pipeline.longestText = generation->longest;
  options.pipeline.longestSource = generation->source;
  return {};
}

/// Sizes of spaces that costs are estimated for: capacities, and so many sequences.
std::string Compilation::spacesWith(std::int64_t sequences) const {
  std::string spaces =
      "tokens=" + std::to_string(maxTokens) + ",labelled=" + std::to_string(maxTokens) +
      ",target=" + std::to_string(maxTargets) + ",sequences=" + std::to_string(sequences);
  if (generation)
    spaces += ",beams=" + std::to_string(generation->rows) +
              ",entries=" + std::to_string(generation->rows * generation->longest) +
              ",source_entries=" + std::to_string(generation->rows * generation->source);
  return spaces;
}

/// The sizes of spaces that passes estimate costs for.
SmallVector<std::string> Compilation::spaceTexts() const {
  SmallVector<StringRef> texts;
  StringRef(options.pipeline.spaces).split(texts, ',');
  return SmallVector<std::string>(texts.begin(), texts.end());
}

} // namespace ftc
