// Rows are given out once and for good, so that a gradient's or moment's place never moves.
#include "runtime/train/TouchedRows.h"

#include "runtime/artifact/CompactRows.h"

namespace ftc::rt {

TouchedRows::TouchedRows(Executor &executor, DemandedRows &demanded)
    : executor(&executor), input(executor.input(kTouchedSlots)),
      symbol(executor.symbol(kTouched)), demanded(&demanded) {
  if (!input)
    return;
  auto vocabulary = static_cast<std::size_t>(executor.capacity(symbol));
  slots.assign(vocabulary, kNoSlot);
  shown.resize(vocabulary);
  order.reserve(vocabulary);
}

Status TouchedRows::publish() {
  executor->set(symbol, static_cast<std::int64_t>(order.size()));
  published = true;
  rowsRead = demanded->rowsRead();
  for (std::size_t id = 0; id < slots.size(); ++id)
    shown[id] = slots[id] < 0 && demanded->isAbsent(static_cast<std::int32_t>(id)) ? kAbsentRow
                                                                                   : slots[id];
  return executor->setInput(input, std::span<const std::int32_t>(shown));
}

Status TouchedRows::admit(std::span<const std::int32_t> ids) {
  if (!input)
    return Status::ok();
  std::size_t before = order.size();
  for (std::int32_t id : ids) {
    std::int32_t &slot = slots[static_cast<std::size_t>(id)];
    if (slot >= 0)
      continue;
    slot = static_cast<std::int32_t>(order.size());
    order.push_back(id);
  }
  bool same = published && order.size() == before && rowsRead == demanded->rowsRead();
  return same ? Status::ok() : publish();
}

Status TouchedRows::restore(std::span<const std::int32_t> rows) {
  auto known = static_cast<std::int32_t>(slots.size());
  for (std::int32_t id : rows) {
    if (id < 0 || id >= known || slots[static_cast<std::size_t>(id)] >= 0)
      return Status::error("expected distinct token ids below " + std::to_string(known) +
                           ", got " + std::to_string(id) +
                           (id < 0 || id >= known ? "" : " twice"));
    slots[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(order.size());
    order.push_back(id);
  }
  FTC_RETURN_IF_ERROR(demanded->admit(rows));
  return publish();
}

} // namespace ftc::rt
