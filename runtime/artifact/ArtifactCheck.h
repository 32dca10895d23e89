// Every check of an artifact beyond the FlatBuffers structure; used by reader and writer.
#pragma once

#include "runtime/abi/artifact_generated.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Runs the FlatBuffers verifier over `payload`, then all checks below.
Result<const abi::Artifact *> checkPayload(std::span<const std::uint8_t> payload);

/// Symbols, scalars, parameters, task, files, variants and their storage.
Status checkTables(const abi::Artifact &artifact);

/// The programs of one variant: buffers inside their segments, operands, kernels, symbols and
/// scalars in range, names and types of inputs and outputs.
Status checkPrograms(const abi::Artifact &artifact, const abi::Variant &variant);

} // namespace ftc::rt
