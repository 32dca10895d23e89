// SentencePiece's precompiled character map: byte strings to their normalized forms.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// A Darts double array over bytes whose values are places in a pool of NUL-ended texts. Read
/// from untrusted bytes: every look-up is bounds-checked.
class Charsmap {
public:
  /// `blob`: the size of the array in bytes (uint32, little-endian), the array, the pool.
  /// Fails when a size is wrong or the pool is not UTF-8.
  static Result<Charsmap> parse(std::string_view blob);

  /// The normalized form of the shortest key that `text` begins with; false when there is none.
  bool shortest(std::string_view text, std::string_view &form) const;
  /// The same for the longest key, whose length in bytes goes to `length`.
  bool longest(std::string_view text, std::string_view &form, std::size_t &length) const;

private:
  /// Calls `hit(value, length)` for each key that `text` begins with until it returns false.
  template <typename Hit> void walk(std::string_view text, Hit hit) const;
  /// The text at a place of the pool; false when that is no text.
  bool formAt(std::uint32_t place, std::string_view &form) const;

  std::vector<std::uint32_t> units;
  std::string pool;
};

} // namespace ftc::rt
