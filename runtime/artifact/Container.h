// The bytes around the FlatBuffer: magic, ABI version, length, SHA-256, payload.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ftc::rt {

constexpr char kArtifactMagic[9] = "FTCARTF1";
constexpr std::size_t kArtifactHeaderBytes = 56;

/// The payload of a container whose magic, ABI version, length and hash are right; `hash`
/// becomes its SHA-256 in hexadecimal. Errors do not name the file.
Result<std::span<const std::uint8_t>> openContainer(std::span<const std::uint8_t> container,
                                                    std::string &hash);

} // namespace ftc::rt
