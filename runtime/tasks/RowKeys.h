// RowKeys: rows told apart by what a task reads of them: their inputs, and their labels or
// targets.
#pragma once

#include "runtime/tasks/Task.h"

#include <array>

namespace ftc::rt {

/// 128 bits of a SHA-256: equal for equal content, and for nothing else.
using RowKey = std::array<std::uint64_t, 2>;

struct RowKeyHash {
  std::size_t operator()(const RowKey &key) const { return key[0]; }
};

/// A row's inputs: text and pair, a question with its context, the words, the source, the
/// prompt or the conversation. `folded`: without case (of ASCII) and with runs of white space
/// as one space.
Result<RowKey> inputKey(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                        bool folded);

/// What is to be learnt of them; the same key everywhere where that is part of the inputs.
Result<RowKey> labelKey(const DataTable &table, std::int64_t row, const TaskColumns &columns);

/// The beginning of a row's first input, for people.
std::string inputExcerpt(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                         std::size_t maxBytes);

} // namespace ftc::rt
