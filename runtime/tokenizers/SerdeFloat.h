// Numbers as serde_json reads them, the parser of the tokenizers library, whose scores decide
// between segmentations to the last bit.
#pragma once

#include <string_view>

namespace ftc::rt {

/// The value of a JSON number with a fraction or an exponent as serde_json 1.0 takes it without
/// its feature float_roundtrip: as many digits as fit 64 bits, rounded to f64, then multiplied
/// with or divided by a power of ten. It may miss the nearest f64 by a unit in the last place.
/// https://github.com/serde-rs/json/blob/v1.0.140/src/de.rs (parse_decimal, f64_from_parts)
double serdeFloat(std::string_view number);

} // namespace ftc::rt
