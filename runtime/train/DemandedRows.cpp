// Rows are read one by one into place: a run names each of them once.
#include "runtime/train/DemandedRows.h"

#include "runtime/artifact/CompactRows.h"
#include "runtime/devices/CpuMemory.h"

#include <algorithm>

namespace ftc::rt {

/// A step allocates nothing before so many of them.
static constexpr std::size_t kManyUpdates = 1 << 16;

DemandedRows::DemandedRows(Executor &executor) : executor(&executor) {
  const abi::Artifact &artifact = executor.artifact().root();
  const abi::Variant &variant = executor.variant();
  if (4 * variant.params_elements() < kLargePage)
    return; // such a segment is held whole
  for (std::uint32_t i = 0; i < count(variant.storage()); ++i) {
    const abi::ParameterStorage &storage = *variant.storage()->Get(i);
    std::span<float> values = executor.parameterInPlace(i);
    if (!storage.on_demand() || values.empty())
      continue;
    const abi::Parameter &parameter = *artifact.parameters()->Get(i);
    Table table;
    table.parameter = i;
    table.rows = parameter.shape()->Get(0);
    table.width = parameter.shape()->Get(1);
    table.begin = 4 * storage.offset();
    table.trainable = parameter.trainable();
    table.values = values;
    keepSmallPages(std::as_writable_bytes(values));
    if (present.size() < static_cast<std::size_t>(table.rows))
      present.resize(static_cast<std::size_t>(table.rows));
    tables.push_back(std::move(table));
  }
}

const DemandedRows::Table *DemandedRows::find(std::uint32_t index) const {
  for (const Table &table : tables)
    if (table.parameter == index)
      return &table;
  return nullptr;
}

bool DemandedRows::has(std::uint32_t index) const { return find(index) != nullptr; }

Status DemandedRows::readFrom(std::uint32_t index, std::shared_ptr<WeightSource> source,
                              const TensorInfo &tensor) {
  Table &table = tables[static_cast<std::size_t>(find(index) - tables.data())];
  table.source = std::move(source);
  table.tensor = tensor;
  active = true;
  if (table.trainable) {
    decays.clear();
    decays.reserve(kManyUpdates);
  }
  for (std::int64_t row = 0; row < table.rows; ++row)
    if (present[static_cast<std::size_t>(row)])
      FTC_RETURN_IF_ERROR(readRow(table, row));
  return Status::ok();
}

/// Multiplies all values by all factors, one after another: a block at a time, so that its
/// values stay in registers while the factors pass. With the vectors that the CPU has: the bits
/// are the same.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
multiplyAll(float *values, std::size_t count, const float *factors, std::size_t factorCount) {
  constexpr std::size_t kBlock = 64;
  for (std::size_t at = 0; at < count; at += kBlock) {
    float block[kBlock] = {};
    std::size_t part = std::min(kBlock, count - at);
    std::copy_n(values + at, part, block);
    for (std::size_t k = 0; k < factorCount; ++k)
      for (float &value : block)
        value *= factors[k];
    std::copy_n(block, part, values + at);
  }
}

void DemandedRows::catchUp(const Table &table, std::span<float> values) const {
  if (table.trainable && !decays.empty())
    multiplyAll(values.data(), values.size(), decays.data(), decays.size());
}

Status DemandedRows::readRow(const Table &table, std::int64_t row) {
  std::span<float> values = table.values.subspan(static_cast<std::size_t>(row * table.width),
                                                 static_cast<std::size_t>(table.width));
  FTC_RETURN_IF_ERROR(table.source->readAsF32(table.tensor, values.data(),
                                              static_cast<std::uint64_t>(row * table.width),
                                              static_cast<std::uint64_t>(table.width)));
  catchUp(table, values);
  return Status::ok();
}

Status DemandedRows::admit(std::span<const std::int32_t> ids) {
  if (!active)
    return Status::ok();
  std::int64_t before = arrivals;
  for (std::int32_t id : ids) {
    std::uint8_t &here = present[static_cast<std::size_t>(id)];
    if (here)
      continue;
    for (const Table &table : tables)
      if (table.source && id < table.rows)
        FTC_RETURN_IF_ERROR(readRow(table, id));
    here = 1;
    ++arrivals;
  }
  for (const Table &table : tables)
    if (table.source && arrivals != before)
      FTC_RETURN_IF_ERROR(table.source->checkUnchanged(table.tensor.file));
  return Status::ok();
}

void DemandedRows::decay(float keep) {
  if (active && keep < 1)
    decays.push_back(keep);
}

Status DemandedRows::storeRange(std::uint32_t index, std::int64_t first,
                                std::span<float> values) const {
  const Table &table = *find(index);
  if (!table.source)
    return executor->storeParameterRange(index, first, values, ParameterSlot::Params);
  FTC_RETURN_IF_ERROR(table.source->readAsF32(
      table.tensor, values.data(), static_cast<std::uint64_t>(first), values.size()));
  FTC_RETURN_IF_ERROR(table.source->checkUnchanged(table.tensor.file));
  std::int64_t end = first + static_cast<std::int64_t>(values.size());
  for (std::int64_t row = first / table.width; row * table.width < end; ++row) {
    std::int64_t from = std::max(first, row * table.width);
    std::int64_t to = std::min(end, (row + 1) * table.width);
    std::span<float> part = values.subspan(static_cast<std::size_t>(from - first),
                                           static_cast<std::size_t>(to - from));
    if (present[static_cast<std::size_t>(row)])
      std::copy_n(table.values.data() + from, part.size(), part.data());
    else
      catchUp(table, part);
  }
  return Status::ok();
}

std::int64_t DemandedRows::absentBytes() const {
  std::int64_t bytes = 0;
  for (const Table &table : tables)
    if (table.source)
      bytes += bytesNeverRead(table.begin, table.rows, 4 * table.width, [&](std::int64_t row) {
        return present[static_cast<std::size_t>(row)] != 0;
      });
  return bytes;
}

} // namespace ftc::rt
