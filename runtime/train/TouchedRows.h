// TouchedRows: which rows of the embedding tables have had a gradient. Compact gradients and
// moments keep a row for each of them, in the order of their first use.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/train/DemandedRows.h"

#include <span>
#include <vector>

namespace ftc::rt {

class TouchedRows {
public:
  /// For an artifact without compact gradients, or with none of its training programs prepared:
  /// false, and nothing else does anything.
  TouchedRows() = default;
  /// Rows that have a gradient are read into memory by `demanded`, which must outlive this.
  TouchedRows(Executor &executor, DemandedRows &demanded);
  explicit operator bool() const { return static_cast<bool>(input); }

  /// Gives each of `ids` that has none the next row, and the executor what it needs to know of
  /// it. Ids must be in the vocabulary, and their rows in memory. Allocates nothing.
  Status admit(std::span<const std::int32_t> ids);
  /// The ids by row.
  std::span<const std::int32_t> rows() const { return order; }
  /// Takes over rows() of another time; none may have been admitted yet. Refuses ids outside of
  /// the vocabulary, and any that is there twice.
  Status restore(std::span<const std::int32_t> rows);

private:
  Status publish();

  Executor *executor = nullptr;
  InputHandle input;
  SymbolHandle symbol;
  DemandedRows *demanded = nullptr;
  std::vector<std::int32_t> slots; ///< by id; kNoSlot: none
  std::vector<std::int32_t> shown; ///< what the executor was told
  std::vector<std::int32_t> order;
  bool published = false;
  std::int64_t rowsRead = 0; ///< of `demanded`, when it was told
};

} // namespace ftc::rt
