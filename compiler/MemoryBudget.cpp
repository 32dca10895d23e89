// Peaks of planned variants, and a coarse search refined once.
#include "compiler/MemoryBudget.h"

#include <algorithm>
#include <map>

namespace ftc {

rt::VariantMemory memoryOf(plan::VariantOp variant, const UnusedBytes &unused,
                           rt::GradientPlace place) {
  rt::VariantMemory memory;
  memory.params = 4 * static_cast<std::int64_t>(variant.getParamsElements()) - unused.params;
  memory.gradients =
      4 * static_cast<std::int64_t>(variant.getTrainableElements()) - unused.gradients;
  if (variant.getOverlaidAt() && place == rt::GradientPlace::Arena) {
    memory.gradients = 0;
    memory.overlaidArena =
        rt::overlaidEnd(variant.getTrainableElements(), variant.getOverlaidFrom().value_or(0),
                        *variant.getOverlaidAt(), variant.getOverlaidCompactAt().value_or(0)) -
        unused.overlaid;
  }
  memory.moments = static_cast<std::int64_t>(variant.getMomentsBytes()) - unused.moments;
  memory.state = variant.getStateBytes();
  for (auto program : variant.getOps<plan::ProgramOp>()) {
    bool gradients = false, moments = false, state = false;
    for (auto buffer : program.getOps<plan::BufferOp>()) {
      gradients |= buffer.getSegment() == plan::Segment::Grads;
      moments |= buffer.getSegment() == plan::Segment::Moments;
      state |= buffer.getSegment() == plan::Segment::State;
    }
    memory.add(program.getSymName().str(), program.getArenaBytes(), gradients, moments, state);
  }
  return memory;
}

rt::Result<BudgetSearch>
searchBudget(std::size_t count, std::int64_t budget,
             const std::function<rt::Result<std::int64_t>(std::size_t)> &peakOf) {
  std::map<std::size_t, std::int64_t> peaks;
  // The first candidate of [begin, end) by `step` that fits; plans none behind it.
  auto firstFit = [&](std::size_t begin, std::size_t end,
                      std::size_t step) -> rt::Result<std::optional<std::size_t>> {
    for (std::size_t i = begin; i < end; i += step) {
      auto [known, fresh] = peaks.try_emplace(i, 0);
      if (fresh) {
        FTC_ASSIGN_OR_RETURN(known->second, peakOf(i));
      }
      if (known->second <= budget)
        return std::optional(i);
    }
    return std::optional<std::size_t>();
  };
  std::size_t step = std::max<std::size_t>(1, count / 16);
  FTC_ASSIGN_OR_RETURN(std::optional<std::size_t> coarse, firstFit(0, count, step));
  auto smallest = [&] {
    return std::min_element(peaks.begin(), peaks.end(),
                            [](const auto &a, const auto &b) { return a.second < b.second; });
  };
  BudgetSearch search;
  if (count == 0)
    return search;
  std::size_t middle = coarse ? *coarse : smallest()->first;
  std::size_t begin = middle >= step ? middle - step + 1 : 0;
  std::size_t end = coarse ? middle + 1 : std::min(count, middle + step);
  FTC_ASSIGN_OR_RETURN(search.chosen, firstFit(begin, end, 1));
  search.least = smallest()->second;
  return search;
}

} // namespace ftc
