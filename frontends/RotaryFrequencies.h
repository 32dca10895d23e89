// The frequencies of rotary positions, from a configuration's theta and scaling.
#pragma once

#include "frontends/ModelSource.h"

#include <vector>

namespace ftc {

/// inv_freq of transformers' modeling_rope_utils for heads of `width` columns: width / 2
/// values, in f32 as there. Reads `rope_scaling` (default, linear, dynamic, llama3); any other
/// scaling fails by name. Dynamic scaling changes nothing up to `max_position_embeddings`,
/// which is the longest input that is compiled.
std::vector<float> rotaryFrequencies(ConfigReader &config, std::int64_t width, double theta);

/// theta^(-2 i / width) for i < width / 2, in f32.
std::vector<float> plainFrequencies(double theta, std::int64_t width);

} // namespace ftc
