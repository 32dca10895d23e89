// Capacities of generation from flags, positions and the size of a slot.
#include "compiler/GenerationCapacity.h"

#include <algorithm>

using namespace mlir;

namespace ftc {

namespace {
constexpr std::int64_t kSource = 1024, kTarget = 128, kBeams = 4; ///< defaults of the flags
constexpr std::int64_t kTexts = 8;                                ///< at once, at their worst
constexpr std::int64_t kCacheBytes = std::int64_t{64} << 20;
} // namespace

/// A flag's value, or its default bounded by `most`.
static rt::Result<std::int64_t> settle(const char *flag, std::int64_t given,
                                       std::int64_t otherwise, std::int64_t most,
                                       const std::string &why) {
  if (given > most)
    return rt::Status::usage(std::string("--") + flag + ": expected at most " +
                             std::to_string(most) + ", " + why + ", got '" +
                             std::to_string(given) + "'");
  return given ? given : std::min(otherwise, most);
}

/// Bytes of keys and values that a token keeps, over all layers that attend from rows of the
/// space `queries` to rows of `keys`.
static std::int64_t slotBytes(ModuleOp module, llvm::StringRef queries, llvm::StringRef keys) {
  std::int64_t bytes = 0;
  module.walk([&](nn::AttentionOp op) {
    auto rows = cast<RankedTensorType>(op.getK().getType());
    if (nn::spaceOf(op.getQ().getType()).getName() == queries &&
        nn::spaceOf(rows).getName() == keys)
      bytes += 2 * rows.getDimSize(1) * 4;
  });
  return std::max<std::int64_t>(bytes, 1);
}

/// Texts at once, of so many bytes each.
static std::int64_t textsOf(std::int64_t bytes) {
  return std::clamp<std::int64_t>(kCacheBytes / bytes, 1, kTexts);
}

rt::Result<GenerationCapacity> chooseGeneration(const GenerationFlags &flags, ModuleOp module,
                                                std::int64_t maxSequence,
                                                std::int64_t positions) {
  GenerationCapacity capacity;
  FTC_ASSIGN_OR_RETURN(capacity.source,
                       settle("max_source_length", flags.maxSourceLength, kSource, maxSequence,
                              "the longest input (--max_seq_length)"));
  FTC_ASSIGN_OR_RETURN(capacity.target, settle("max_target_length", flags.maxTargetLength,
                                               kTarget, positions, "the model's positions"));
  // By default a prompt leaves room for what is to be written, at least for one token.
  std::int64_t room = positions - capacity.target;
  if (!flags.maxSourceLength)
    capacity.source = std::min(
        capacity.source, std::max<std::int64_t>(1, 2 * room >= positions ? room : positions - 1));
  capacity.beams = flags.maxBeams ? flags.maxBeams : kBeams;
  capacity.longest = std::min(positions, capacity.source + capacity.target);
  // A shorter prompt leaves room for more beams' tokens; the worst one leaves room for all.
  std::int64_t prompt =
      std::clamp<std::int64_t>(capacity.longest - capacity.target, 1, capacity.source);
  std::int64_t worst =
      prompt + capacity.beams * std::min(capacity.target, capacity.longest - prompt);
  worst = std::max(worst, capacity.source);
  capacity.slots = textsOf(worst * slotBytes(module, "tokens", "tokens")) * worst;
  capacity.rows = kTexts * capacity.beams;
  return capacity;
}

GenerationCapacity chooseTargetGeneration(const GenerationFlags &flags, ModuleOp module,
                                          std::int64_t maxSource, std::int64_t maxTarget) {
  GenerationCapacity capacity;
  capacity.source = maxSource;
  capacity.target = capacity.longest = maxTarget;
  capacity.beams = flags.maxBeams ? flags.maxBeams : kBeams;
  // The start token is common to all beams; a text's last token is never run.
  std::int64_t worst = 1 + capacity.beams * std::max<std::int64_t>(0, maxTarget - 2);
  std::int64_t texts = textsOf(worst * slotBytes(module, "target", "target") +
                               maxSource * slotBytes(module, "target", "tokens"));
  capacity.slots = texts * worst;
  capacity.sourceSlots = texts * maxSource;
  capacity.rows = kTexts * capacity.beams;
  return capacity;
}

void declareGeneration(const GenerationCapacity &capacity, PlanSymbols &symbols) {
  symbols.setCapacity("beams", capacity.rows);
  symbols.setCapacity("entries", capacity.rows * capacity.longest);
  symbols.setCapacity("slots", capacity.slots);
  if (capacity.sourceSlots == 0)
    return;
  symbols.setCapacity("source_slots", capacity.sourceSlots);
  symbols.setCapacity("source_entries", capacity.rows * capacity.source);
}

} // namespace ftc
