// Writes the artifact's container around a finished FlatBuffer: what `ftc compile` ends with.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ftc::rt {

/// The container of `payload` (a finished abi::Artifact): magic, ABI version, length, SHA-256,
/// payload. The same payload gives the same bytes.
Result<std::vector<std::uint8_t>> makeContainer(std::span<const std::uint8_t> payload);

/// Writes the container to `path` atomically: the file is there whole or not at all. Refuses a
/// payload that ArtifactReader would refuse, so that a compiler's error shows at compile time.
Status writeArtifact(const std::string &path, std::span<const std::uint8_t> payload);

} // namespace ftc::rt
