// What `ftc inspect --kernels` says of a GPU's time: an estimate from the plan, and what an
// emulated run counted.
#pragma once

#include "runtime/artifact/ArtifactReader.h"

#include <nlohmann/json.hpp>

namespace ftc::cli {

using Json = nlohmann::ordered_json;

/// A training step of `tokens` in sequences of `length`, each launch at its speed of light
/// (compiler/targets/cuda/SpeedOfLight.h), on A100 and H100: of each program and of the step
/// into `variantEntry["speed_of_light"]`, of each kernel's launches into its entry of
/// `variantEntry["kernels"]`. Fails where a size of the plan does not fit 64 bits.
rt::Status addSpeedOfLight(Json &variantEntry, const rt::ArtifactReader &artifact,
                           const abi::Variant &variant, std::int64_t tokens,
                           std::int64_t length);

/// What the cost report of the emulator (docs/emulator.md) at `path` counted of the kernels in
/// `variantEntries`, into their entries: sectors a request, waves a request, and the least time
/// of a launch. Fails where the file is no such report or names none of the kernels.
rt::Status addCostReport(Json &variantEntries, const std::string &path);

} // namespace ftc::cli
