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
                             std::to_string(most) + ", " + why + ", found '" +
                             std::to_string(given) + "'");
  return given ? given : std::min(otherwise, most);
}

/// Bytes of keys and values that a token keeps, over all layers.
static std::int64_t slotBytes(ModuleOp module) {
  std::int64_t bytes = 0;
  module.walk([&](nn::AttentionOp op) {
    auto keys = cast<RankedTensorType>(op.getK().getType());
    bytes += 2 * keys.getDimSize(1) * 4;
  });
  return std::max<std::int64_t>(bytes, 1);
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
  std::int64_t texts =
      std::clamp<std::int64_t>(kCacheBytes / (worst * slotBytes(module)), 1, kTexts);
  capacity.slots = texts * worst;
  capacity.rows = kTexts * capacity.beams;
  return capacity;
}

void declareGeneration(const GenerationCapacity &capacity, PlanSymbols &symbols) {
  symbols.setCapacity("beams", capacity.rows);
  symbols.setCapacity("entries", capacity.rows * capacity.longest);
  symbols.setCapacity("slots", capacity.slots);
}

} // namespace ftc
