// Hashing eight bytes at a time; no allocation on look-up.
#include "runtime/tokenizers/Vocabulary.h"

#include <cstring>

namespace ftc::rt {

std::uint64_t hashBytes(std::string_view bytes) {
  constexpr std::uint64_t prime = 0x9fb21c651e98df25ull;
  std::uint64_t h = bytes.size() * prime;
  const char *p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    h = (h ^ word) * prime;
    h ^= h >> 29;
  }
  if (left) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, left);
    h = (h ^ word) * prime;
  }
  h ^= h >> 32;
  h *= prime;
  return h ^ h >> 29;
}

Vocabulary::Vocabulary() : table(64, 0) {}

std::uint32_t Vocabulary::slotOf(std::string_view token) const {
  std::size_t mask = table.size() - 1;
  std::size_t slot = hashBytes(token) & mask;
  while (table[slot] != 0 && text(entries[table[slot] - 1]) != token)
    slot = (slot + 1) & mask;
  return static_cast<std::uint32_t>(slot);
}

void Vocabulary::grow() {
  table.assign(table.size() * 2, 0);
  for (std::size_t i = 0; i < entries.size(); ++i)
    table[slotOf(text(entries[i]))] = static_cast<std::uint32_t>(i + 1);
}

Status Vocabulary::add(std::string_view token, std::int64_t id) {
  if (id < 0 || id >= maximumId)
    return Status::error("expected token ids from 0 to " + std::to_string(maximumId - 1) +
                         ", got " + std::to_string(id));
  std::uint32_t slot = slotOf(token);
  if (table[slot] != 0) {
    entries[table[slot] - 1].id = static_cast<std::int32_t>(id);
    return Status::ok();
  }
  entries.push_back(
      {arena.size(), static_cast<std::uint32_t>(token.size()), static_cast<std::int32_t>(id)});
  arena.append(token);
  table[slot] = static_cast<std::uint32_t>(entries.size());
  if (entries.size() * 2 > table.size())
    grow();
  return Status::ok();
}

void Vocabulary::finish() {
  byId.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::size_t id = static_cast<std::size_t>(entries[i].id);
    if (id >= byId.size())
      byId.resize(id + 1, -1);
    byId[id] = static_cast<std::int32_t>(i);
  }
}

std::int32_t Vocabulary::find(std::string_view token) const {
  std::uint32_t index = table[slotOf(token)];
  return index ? entries[index - 1].id : -1;
}

bool Vocabulary::hasId(std::int32_t id) const {
  return id >= 0 && static_cast<std::size_t>(id) < byId.size() && byId[id] >= 0;
}

std::string_view Vocabulary::text(std::int32_t id) const {
  return hasId(id) ? text(entries[byId[id]]) : std::string_view();
}

} // namespace ftc::rt
