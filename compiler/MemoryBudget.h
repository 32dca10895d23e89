// --memory_budget: what a plan holds, and the cheapest recomputation whose plan fits.
#pragma once

#include "dialects/plan/Plan.h"
#include "runtime/artifact/PlannedMemory.h"
#include "runtime/support/Status.h"

#include <functional>
#include <optional>

namespace ftc {

/// Bytes that are reserved and never written: of parameters, of gradients apart from the arena,
/// of moments, and of an arena that holds the gradients.
struct UnusedBytes {
  std::int64_t params = 0, gradients = 0, moments = 0, overlaid = 0;
};

/// The memory of a planned variant.
rt::VariantMemory memoryOf(plan::VariantOp variant, const UnusedBytes &unused,
                           rt::GradientPlace place = rt::GradientPlace::Arena);

/// What a search for a plan within a budget found.
struct BudgetSearch {
  std::optional<std::size_t> chosen; ///< index of the candidate; none: no plan fits
  std::int64_t least = 0; ///< where none fits: the smallest peak of all that were planned
};

/// The cheapest of `count` candidates, in ascending order of cost, whose plan is within
/// `budget`. `peakOf` plans one and gives its peak in bytes, or a failure. About every 16th is
/// planned first, then those between the first that fits and the one before it, or around the
/// smallest where none fits. Neither choice depends on the budget but by comparing peaks with
/// it: what is given as `least` fits when it is asked for, and a smaller budget never gives a
/// cheaper candidate.
rt::Result<BudgetSearch>
searchBudget(std::size_t count, std::int64_t budget,
             const std::function<rt::Result<std::int64_t>(std::size_t)> &peakOf);

} // namespace ftc
