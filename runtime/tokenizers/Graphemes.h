// Extended grapheme clusters, as the charsmap normalizer of tokenizers 0.22.2 cuts text.
#pragma once

#include <cstddef>
#include <span>

namespace ftc::rt {

/// End of the extended grapheme cluster (UAX #29) that begins at `at`, which is inside.
std::size_t graphemeEnd(std::span<const char32_t> text, std::size_t at);

} // namespace ftc::rt
