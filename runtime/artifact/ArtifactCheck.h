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

/// Whether a vector's elements are aligned as their type asks: FlatBuffers' verifier looks at
/// the alignment of the length in front of them alone. An absent vector is aligned.
template <typename Element, typename Vector> bool isAligned(const Vector *vector) {
  return !vector || reinterpret_cast<std::uintptr_t>(vector->Data()) % alignof(Element) == 0;
}

/// The programs of one variant: buffers inside their segments, operands, kernels, symbols and
/// scalars in range, names and types of inputs and outputs.
Status checkPrograms(const abi::Artifact &artifact, const abi::Variant &variant);

} // namespace ftc::rt
