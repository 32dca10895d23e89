// A vocabulary: token texts to ids and back, with one arena and one open-addressed table.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Ids are below maximumId; they need not be dense.
class Vocabulary {
public:
  static constexpr std::int32_t maximumId = 1 << 22;

  Vocabulary();
  /// Maps `token` to `id`; a token given twice keeps the last id. Fails on ids out of range.
  Status add(std::string_view token, std::int64_t id);
  /// Builds the way back, after the last add.
  void finish();

  /// Id of the exact text, or -1.
  std::int32_t find(std::string_view token) const;
  /// Text of an id; empty when there is none.
  std::string_view text(std::int32_t id) const;
  bool hasId(std::int32_t id) const;
  /// Number of distinct texts.
  std::int32_t size() const { return static_cast<std::int32_t>(entries.size()); }
  /// One more than the greatest id.
  std::int32_t idBound() const { return static_cast<std::int32_t>(byId.size()); }

  struct Entry {
    std::uint64_t offset;
    std::uint32_t length;
    std::int32_t id;
  };
  const std::vector<Entry> &all() const { return entries; }
  std::string_view text(const Entry &entry) const {
    return std::string_view(arena).substr(entry.offset, entry.length);
  }

private:
  void grow();
  std::uint32_t slotOf(std::string_view token) const;

  std::string arena;
  std::vector<Entry> entries;
  std::vector<std::uint32_t> table; ///< index of an entry + 1; 0: free
  std::vector<std::int32_t> byId;   ///< index of an entry, or -1
};

/// A 64-bit hash of bytes, the same in every run.
std::uint64_t hashBytes(std::string_view bytes);

} // namespace ftc::rt
