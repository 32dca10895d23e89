// How a parameter lies in memory on a variant, and the lossless way from and to its canonical
// row-major form. Panels: [ceil(rows / width)][columns][width], rows padded with zeros, of the
// matrix or of its transpose. A shape of more dimensions is the matrix [first, all others].
#pragma once

#include "runtime/abi/artifact_generated.h"

#include <cstdint>
#include <span>

namespace ftc::rt {

/// Elements that `shape` takes in `layout`. False on overflow, a dimension below 1, or a shape
/// that the layout cannot hold (panels take two dimensions or more, of a transpose two, and a
/// width of at least 1).
bool storageElements(std::span<const std::int64_t> shape, const abi::Layout &layout,
                     std::int64_t &elements);

/// canonical (row-major, the shape's elements) -> storage (storageElements of them); padding is
/// set to zero. The spans do not overlap.
void packParameter(std::span<const std::int64_t> shape, const abi::Layout &layout,
                   std::span<const float> canonical, std::span<float> storage);

/// storage -> canonical elements [first, first + canonical.size()); padding is dropped.
void unpackParameter(std::span<const std::int64_t> shape, const abi::Layout &layout,
                     std::span<const float> storage, std::span<float> canonical,
                     std::int64_t first = 0);

} // namespace ftc::rt
