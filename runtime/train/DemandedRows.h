// DemandedRows: embedding tables of which a row is read from the weights' file when a batch
// first names its token. Rows that no text names are never in memory; results are the same
// bits.
#pragma once

#include "runtime/executor/Executor.h"
#include "runtime/io/WeightSource.h"

#include <memory>
#include <span>
#include <vector>

namespace ftc::rt {

class DemandedRows {
public:
  /// Without a table on demand nothing does anything.
  DemandedRows() = default;
  /// The tables that the artifact calls on_demand, where the host may write them in place.
  /// Before anything touches their memory.
  explicit DemandedRows(Executor &executor);

  /// Whether parameter `index` is such a table.
  bool has(std::uint32_t index) const;
  /// Rows of parameter `index`, which it has, come from `tensor` of `source` from now on: those
  /// that are in memory are read anew, and updates of before forgotten. The tensor must have
  /// the parameter's shape. A table for which this was never called is taken to be in memory
  /// whole.
  Status readFrom(std::uint32_t index, std::shared_ptr<WeightSource> source,
                  const TensorInfo &tensor);

  /// Reads the rows of `ids` that are not in memory; before a program runs that takes them. Ids
  /// must be in the vocabulary.
  Status admit(std::span<const std::int32_t> ids);
  /// Whether rows are absent, and whether that of `id` is.
  bool anyAbsent() const { return active; }
  bool isAbsent(std::int32_t id) const {
    return active && !present[static_cast<std::size_t>(id)];
  }
  /// Grows with each row that was read.
  std::int64_t rowsRead() const { return arrivals; }

  /// An update multiplied every trainable element without gradient by `keep`: rows that are not
  /// in memory are multiplied when they are read or stored, in f32 and one factor at a time, so
  /// that their bits are those of a table held whole.
  void decay(float keep);

  /// Executor::storeParameterRange of parameter `index`, which it has.
  Status storeRange(std::uint32_t index, std::int64_t first, std::span<float> values) const;

  /// Bytes of the executor's memory() that rows which are not there do not take.
  std::int64_t absentBytes() const;

private:
  struct Table {
    std::uint32_t parameter = 0;
    std::int64_t rows = 0, width = 0;
    std::int64_t begin = 0; ///< byte in the segment of parameters
    bool trainable = false;
    std::span<float> values;
    std::shared_ptr<WeightSource> source; ///< null: in memory whole
    TensorInfo tensor;
  };

  const Table *find(std::uint32_t index) const;
  Status readRow(const Table &table, std::int64_t row);
  /// Applies the updates that rows in the file have missed.
  void catchUp(const Table &table, std::span<float> values) const;

  Executor *executor = nullptr;
  std::vector<Table> tables;
  std::vector<std::uint8_t> present; ///< by token id, of all tables
  std::vector<float> decays;
  std::int64_t arrivals = 0;
  bool active = false;
};

} // namespace ftc::rt
