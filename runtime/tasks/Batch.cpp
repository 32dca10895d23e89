// Packing of examples: one pass appends tokens, then each id array is radix-sorted stably so
// that embedding gradients can be summed in a fixed order without atomics.
#include "runtime/tasks/Batch.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace ftc::rt {

namespace {

constexpr auto kNames = std::to_array<std::string_view>({
    "input_ids",          "token_type_ids",          "position_ids",
    "cu_seqlens",         "token_sequence",          "token_position",
    "sequence_id",        "first_rows",              "zero_positions",
    "last_rows",          "last_positions",
    "sequence_offsets",   "labels",                  "labelled_rows",
    "labelled_sequence",  "labelled_position",       "labelled_offsets",
    "input_ids.order",         "input_ids.segments",
    "input_ids.rows",     "token_type_ids.order",    "token_type_ids.segments",
    "token_type_ids.rows", "position_ids.order",     "position_ids.segments",
    "position_ids.rows",  "start_positions",         "end_positions",
    "target_ids",         "target_position_ids",     "target_sequence",
    "target_position",    "target_cu_seqlens",       "target_ids.order",
    "target_ids.segments", "target_ids.rows",        "target_position_ids.order",
    "target_position_ids.segments", "target_position_ids.rows"});

constexpr auto kSymbols = std::to_array<std::string_view>(
    {"tokens", "sequences", "labelled", "input_ids.unique", "token_type_ids.unique",
     "position_ids.unique", "target", "target_ids.unique", "target_position_ids.unique",
     "token_pairs", "labelled_pairs", "target_pairs", "cross_pairs"});

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

/// Both ends of a labelled answer must be tokens of the example.
Status checkSpan(const Example &example) {
  std::int32_t first = example.labels[0], last = example.spanEnd;
  auto inside = [&](std::int32_t token) { return token >= 0 && token < example.tokens(); };
  if (first == kIgnoredLabel || (inside(first) && inside(last)))
    return {};
  return Status::error("the example of line " + std::to_string(example.line) +
                       ": expected an answer within its " + std::to_string(example.tokens()) +
                       " tokens, got tokens " + std::to_string(first) + " to " +
                       std::to_string(last));
}

} // namespace

Result<Batch> Batch::make(const BatchCapacity &capacity, const BatchLayout &layout) {
  static_assert(kNames.size() == SlotCount);
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1;
  bool tokenLabels = layout.placement == LabelPlacement::Token;
  bool targets = layout.placement == LabelPlacement::Target;
  auto outside = [](std::int64_t value) { return value < 1 || value > most; };
  if (outside(capacity.tokens) || outside(capacity.sequences) ||
      (tokenLabels && outside(capacity.labelled)) || (targets && outside(capacity.target)))
    return Status::error("expected batch capacities in [1, " + std::to_string(most) +
                         "], got tokens " + std::to_string(capacity.tokens) + ", sequences " +
                         std::to_string(capacity.sequences) + ", labelled " +
                         std::to_string(capacity.labelled) + ", target " +
                         std::to_string(capacity.target));
  Batch batch;
  batch.limits = capacity;
  batch.form = layout;
  for (std::size_t slot = 0; slot < SlotCount; ++slot) {
    if (!batch.has(static_cast<Slot>(slot)))
      continue;
    batch.storage[slot].assign(batch.slotCapacity(static_cast<Slot>(slot)), 0);
    batch.names.emplace_back(kNames[slot]);
  }
  batch.targetStorage.assign(capacity.sequences * layout.targetWidth, 0.0f);
  batch.sortScratch.assign(std::max(capacity.tokens, targets ? capacity.target : 0), 0);
  return batch;
}

bool Batch::has(Slot slot) const {
  bool labelledSlot =
      slot == LabelledRows || slot == LabelledSequence || slot == LabelledPosition ||
      slot == LabelledOffsets;
  if (slot == StartPositions || slot == EndPositions)
    return form.placement == LabelPlacement::Span;
  if (slot == Labels)
    return form.placement != LabelPlacement::Span;
  if (slot >= TargetIds)
    return form.placement == LabelPlacement::Target;
  return !labelledSlot || form.placement == LabelPlacement::Token;
}

std::int64_t Batch::slotCapacity(Slot slot) const {
  switch (slot) {
  case CuSeqlens:
  case SequenceOffsets:
  case LabelledOffsets:
  case TargetCuSeqlens:
    return limits.sequences + 1;
  case SequenceId:
  case FirstRows:
  case ZeroPositions:
  case StartPositions:
  case EndPositions:
  case LastRows:
  case LastPositions:
    return limits.sequences;
  case Labels:
    return form.placement == LabelPlacement::Token    ? limits.labelled
           : form.placement == LabelPlacement::Target ? limits.target
                                                      : limits.sequences;
  case LabelledRows:
  case LabelledSequence:
  case LabelledPosition:
    return limits.labelled;
  case InputSegments:
  case TypeSegments:
  case PositionSegments:
    return limits.tokens + 1;
  case TargetSegments:
  case TargetPositionSegments:
    return limits.target + 1;
  default:
    return slot >= TargetIds ? limits.target : limits.tokens;
  }
}

std::int64_t Batch::slotSize(Slot slot) const {
  switch (slot) {
  case CuSeqlens:
  case SequenceOffsets:
  case LabelledOffsets:
  case TargetCuSeqlens:
    return sequenceCount + 1;
  case SequenceId:
  case FirstRows:
  case ZeroPositions:
  case StartPositions:
  case EndPositions:
  case LastRows:
  case LastPositions:
    return sequenceCount;
  case Labels:
  case LabelledRows:
  case LabelledSequence:
  case LabelledPosition:
    return labelledCount;
  case InputSegments:
    return uniqueInputs + 1;
  case InputRows:
    return uniqueInputs;
  case TypeSegments:
    return uniqueTypes + 1;
  case TypeRows:
    return uniqueTypes;
  case PositionSegments:
    return uniquePositions + 1;
  case PositionRows:
    return uniquePositions;
  case TargetSegments:
    return uniqueTargets + 1;
  case TargetRows:
    return uniqueTargets;
  case TargetPositionSegments:
    return uniqueTargetPositions + 1;
  case TargetPositionRows:
    return uniqueTargetPositions;
  default:
    return slot >= TargetIds ? targetCount : tokenCount;
  }
}

std::optional<Batch::Slot> Batch::findSlot(std::string_view name) const {
  auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end())
    return std::nullopt;
  auto slot = static_cast<Slot>(found - kNames.begin());
  return has(slot) ? std::optional<Slot>(slot) : std::nullopt;
}

std::optional<std::span<const std::int32_t>> Batch::array(std::string_view name) const {
  std::optional<Slot> slot = findSlot(name);
  if (!slot)
    return std::nullopt;
  return std::span<const std::int32_t>(storage[*slot].data(), slotSize(*slot));
}

std::optional<std::span<const float>> Batch::floats(std::string_view name) const {
  if (name != "targets" || form.targetWidth == 0)
    return std::nullopt;
  return std::span<const float>(targetStorage.data(), sequenceCount * form.targetWidth);
}

std::optional<std::int64_t> Batch::arrayCapacity(std::string_view name) const {
  std::optional<Slot> slot = findSlot(name);
  return slot ? std::optional<std::int64_t>(slotCapacity(*slot)) : std::nullopt;
}

std::span<const std::string_view> Batch::symbolNames() { return kSymbols; }

/// W of "<counter>.W"; 0: the name is another's.
static std::int64_t windowIn(std::string_view name, std::string_view counter) {
  if (!name.starts_with(counter) || !name.substr(counter.size()).starts_with('.'))
    return 0;
  std::string_view digits = name.substr(counter.size() + 1);
  std::int64_t window = 0;
  auto [end, error] = std::from_chars(digits.begin(), digits.end(), window);
  return error == std::errc() && end == digits.end() && window > 0 ? window : 0;
}

std::int64_t Batch::tokenPairsWithin(std::int64_t window) const {
  std::int64_t pairs = 0;
  for (std::int64_t s = 0; s < sequenceCount; ++s) {
    std::int64_t length = storage[CuSeqlens][s + 1] - storage[CuSeqlens][s];
    std::int64_t beyond = std::max<std::int64_t>(0, length - window);
    pairs += length * length - beyond * (beyond + 1);
  }
  return pairs;
}

std::int64_t Batch::labelledPairsWithin(std::int64_t window) const {
  if (form.placement != LabelPlacement::Token)
    return 0;
  std::int64_t pairs = 0;
  for (std::int64_t s = 0; s < sequenceCount; ++s) {
    std::int64_t length = storage[CuSeqlens][s + 1] - storage[CuSeqlens][s];
    for (std::int32_t r = storage[LabelledOffsets][s]; r < storage[LabelledOffsets][s + 1];
         ++r) {
      std::int64_t at = storage[LabelledPosition][r];
      pairs += std::min(at + window, length) - std::max<std::int64_t>(0, at - window + 1);
    }
  }
  return pairs;
}

std::optional<std::int64_t> Batch::symbol(std::string_view name) const {
  if (name == "tokens")
    return tokenCount;
  if (name == "sequences")
    return sequenceCount;
  if (name == "labelled")
    return labelledCount;
  if (name == "input_ids.unique")
    return uniqueInputs;
  if (name == "token_type_ids.unique")
    return uniqueTypes;
  if (name == "position_ids.unique")
    return uniquePositions;
  if (name == "target")
    return targetCount;
  if (name == "target_ids.unique")
    return uniqueTargets;
  if (name == "target_position_ids.unique")
    return uniqueTargetPositions;
  if (name == "token_pairs")
    return tokenPairs;
  if (name == "labelled_pairs")
    return labelledPairs;
  if (name == "target_pairs")
    return targetPairs;
  if (name == "cross_pairs")
    return crossPairs;
  if (std::int64_t window = windowIn(name, "token_pairs"))
    return tokenPairsWithin(window);
  if (std::int64_t window = windowIn(name, "labelled_pairs"))
    return labelledPairsWithin(window);
  return std::nullopt;
}

Status Batch::checkFit(std::span<const Example *const> examples) const {
  std::int64_t tokens = 0, labelled = 0, target = 0;
  bool streams = form.placement == LabelPlacement::Target;
  for (const Example *example : examples) {
    std::size_t length = example->ids.size();
    std::size_t labels = form.placement == LabelPlacement::Token ? length
                         : streams                               ? example->targetIds.size()
                                                                 : 1;
    if (length == 0 || labels == 0)
      return Status::error("the example of line " + std::to_string(example->line) +
                           " has no token: an example needs at least one");
    if (example->typeIds.size() != length || example->labels.size() != labels)
      return Status::error("the example of line " + std::to_string(example->line) +
                           ": expected " + std::to_string(length) + " token types and " +
                           std::to_string(labels) + " labels, got " +
                           std::to_string(example->typeIds.size()) + " and " +
                           std::to_string(example->labels.size()));
    if (form.placement == LabelPlacement::Span)
      FTC_RETURN_IF_ERROR(checkSpan(*example));
    auto targets = static_cast<std::int64_t>(example->targets.size());
    if (targets != 0 && targets != form.targetWidth)
      return Status::error("the example of line " + std::to_string(example->line) +
                           ": expected " + std::to_string(form.targetWidth) +
                           " targets, got " + std::to_string(targets));
    tokens += example->tokens();
    target += example->targetTokens();
    labelled += example->labelledRows(form.placement);
  }
  auto sequences = static_cast<std::int64_t>(examples.size());
  bool tokenLabels = form.placement == LabelPlacement::Token;
  if (streams && target > limits.target)
    return Status::error("a micro-batch of " + std::to_string(target) +
                         " target tokens exceeds the capacity of " +
                         std::to_string(limits.target));
  if (tokens > limits.tokens || sequences > limits.sequences ||
      (tokenLabels && labelled > limits.labelled))
    return Status::error("a micro-batch of " + std::to_string(tokens) + " tokens, " +
                         std::to_string(sequences) + " sequences and " +
                         std::to_string(labelled) + " labelled rows exceeds the capacity of " +
                         std::to_string(limits.tokens) + ", " +
                         std::to_string(limits.sequences) + " and " +
                         std::to_string(limits.labelled));
  return {};
}

void Batch::appendExample(const Example &example, std::int32_t sequence) {
  auto first = static_cast<std::int32_t>(tokenCount);
  auto length = static_cast<std::int32_t>(example.ids.size());
  std::copy(example.ids.begin(), example.ids.end(), storage[InputIds].begin() + first);
  std::copy(example.typeIds.begin(), example.typeIds.end(),
            storage[TokenTypeIds].begin() + first);
  for (std::int32_t position = 0; position < length; ++position) {
    storage[PositionIds][first + position] = position + form.positionOffset;
    storage[TokenSequence][first + position] = sequence;
    storage[TokenPosition][first + position] = position;
  }
  storage[SequenceId][sequenceCount] = sequence;
  storage[FirstRows][sequenceCount] = first;
  storage[ZeroPositions][sequenceCount] = 0;
  std::int32_t last = length - 1;
  while (last >= 0 && example.ids[last] == form.padToken)
    --last;
  last = std::max(last, 0);
  storage[LastRows][sequenceCount] = first + last;
  storage[LastPositions][sequenceCount] = last;
  auto target = targetStorage.begin() + sequenceCount * form.targetWidth;
  std::fill(target, target + form.targetWidth, 0.0f);
  std::copy(example.targets.begin(), example.targets.end(), target);
  tokenCount += length;
  tokenPairs += std::int64_t{length} * length;
  storage[CuSeqlens][++sequenceCount] = static_cast<std::int32_t>(tokenCount);
  storage[SequenceOffsets][sequenceCount] = static_cast<std::int32_t>(sequenceCount);
  if (form.placement == LabelPlacement::Target)
    return appendTarget(example, sequence);
  if (form.placement != LabelPlacement::Token) {
    bool span = form.placement == LabelPlacement::Span;
    storage[span ? StartPositions : Labels][labelledCount] = example.labels[0];
    if (span)
      storage[EndPositions][labelledCount] = example.spanEnd;
    ++labelledCount;
    countedCount += example.labels[0] != kIgnoredLabel;
    return;
  }
  for (std::int32_t position = 0; position < length; ++position) {
    if (example.labels[position] == kIgnoredLabel)
      continue;
    storage[Labels][labelledCount] = example.labels[position];
    storage[LabelledRows][labelledCount] = first + position;
    storage[LabelledSequence][labelledCount] = sequence;
    storage[LabelledPosition][labelledCount] = position;
    ++labelledCount;
    labelledPairs += length;
    ++countedCount;
  }
  storage[LabelledOffsets][sequenceCount] = static_cast<std::int32_t>(labelledCount);
}

void Batch::appendTarget(const Example &example, std::int32_t sequence) {
  auto length = static_cast<std::int32_t>(example.targetIds.size());
  for (std::int32_t position = 0; position < length; ++position, ++targetCount) {
    storage[TargetIds][targetCount] = example.targetIds[position];
    storage[Labels][targetCount] = example.labels[position];
    storage[TargetPositionIds][targetCount] = position + form.positionOffset;
    storage[TargetSequence][targetCount] = sequence;
    storage[TargetPosition][targetCount] = position;
    countedCount += example.labels[position] != kIgnoredLabel;
  }
  labelledCount = targetCount;
  targetPairs += std::int64_t{length} * length;
  crossPairs += std::int64_t{length} * static_cast<std::int64_t>(example.ids.size());
  storage[TargetCuSeqlens][sequenceCount] = static_cast<std::int32_t>(targetCount);
}

void Batch::sortIds(Slot ids, Slot order, std::int64_t count, std::int64_t &unique) {
  const std::vector<std::int32_t> &keys = storage[ids];
  std::int32_t *from = storage[order].data(), *to = sortScratch.data();
  std::uint32_t largest = 0;
  for (std::int64_t row = 0; row < count; ++row) {
    from[row] = static_cast<std::int32_t>(row);
    largest = std::max(largest, static_cast<std::uint32_t>(keys[row]));
  }
  for (int shift = 0; shift < 32 && (largest >> shift) != 0; shift += kDigitBits) {
    std::array<std::int32_t, kDigits + 1> start{};
    for (std::int64_t row = 0; row < count; ++row)
      ++start[((static_cast<std::uint32_t>(keys[row]) >> shift) & (kDigits - 1)) + 1];
    for (std::size_t digit = 0; digit < kDigits; ++digit)
      start[digit + 1] += start[digit];
    for (std::int64_t at = 0; at < count; ++at) {
      auto key = static_cast<std::uint32_t>(keys[from[at]]);
      to[start[(key >> shift) & (kDigits - 1)]++] = from[at];
    }
    std::swap(from, to);
  }
  if (from != storage[order].data())
    std::copy(from, from + count, storage[order].data());
  const std::vector<std::int32_t> &sorted = storage[order];
  std::vector<std::int32_t> &segments = storage[order + 1], &rows = storage[order + 2];
  unique = 0;
  for (std::int64_t at = 0; at < count; ++at) {
    if (at != 0 && keys[sorted[at]] == keys[sorted[at - 1]])
      continue;
    segments[unique] = static_cast<std::int32_t>(at);
    rows[unique++] = keys[sorted[at]];
  }
  segments[unique] = static_cast<std::int32_t>(count);
}

Status Batch::pack(std::span<const Example *const> examples, std::int64_t firstSequence) {
  tokenPairs = labelledPairs = targetPairs = crossPairs = 0;
  tokenCount = targetCount = sequenceCount = labelledCount = countedCount = 0;
  uniqueInputs = uniqueTypes = uniquePositions = uniqueTargets = uniqueTargetPositions = 0;
  firstSequenceIndex = firstSequence;
  FTC_RETURN_IF_ERROR(checkFit(examples));
  storage[CuSeqlens][0] = storage[SequenceOffsets][0] = 0;
  for (Slot offsets : {LabelledOffsets, TargetCuSeqlens})
    if (has(offsets))
      storage[offsets][0] = 0;
  for (std::size_t index = 0; index < examples.size(); ++index)
    appendExample(*examples[index],
                  static_cast<std::int32_t>(firstSequence + static_cast<std::int64_t>(index)));
  sortIds(InputIds, InputOrder, tokenCount, uniqueInputs);
  sortIds(TokenTypeIds, TypeOrder, tokenCount, uniqueTypes);
  sortIds(PositionIds, PositionOrder, tokenCount, uniquePositions);
  if (form.placement == LabelPlacement::Target) {
    sortIds(TargetIds, TargetOrder, targetCount, uniqueTargets);
    sortIds(TargetPositionIds, TargetPositionOrder, targetCount, uniqueTargetPositions);
  }
  return {};
}

OutputRow Batch::labelledOutput(std::int64_t row) const {
  if (form.placement == LabelPlacement::Target)
    return {storage[TargetSequence][row], storage[TargetPosition][row]};
  if (form.placement != LabelPlacement::Token)
    return {firstSequenceIndex + row, -1};
  return {storage[LabelledSequence][row], storage[LabelledPosition][row]};
}

OutputRow Batch::tokenOutput(std::int64_t row) const {
  return {storage[TokenSequence][row], storage[TokenPosition][row]};
}

} // namespace ftc::rt
