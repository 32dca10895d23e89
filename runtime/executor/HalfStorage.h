// Parameters that a variant stores in their file's BF16 or F16: the lossless way from and to
// their canonical f32 form, in any layout.
#pragma once

#include "runtime/abi/artifact_generated.h"

#include <cstdint>
#include <span>

namespace ftc::rt {

/// As packParameter, 16 bits an element. False when a value is not one of that type: what is
/// stored so is never rounded.
bool packHalf(std::span<const std::int64_t> shape, const abi::Layout &layout, abi::DType dtype,
              std::span<const float> canonical, std::span<std::uint16_t> storage);

/// As unpackParameter, for canonical elements [first, first + canonical.size()). From panels,
/// the parameter is widened as a whole each time: they are a layer's, an embedding table is
/// row-major.
void unpackHalf(std::span<const std::int64_t> shape, const abi::Layout &layout,
                abi::DType dtype, std::span<const std::uint16_t> storage,
                std::span<float> canonical, std::int64_t first = 0);

} // namespace ftc::rt
