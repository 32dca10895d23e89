// The one reader of artifacts. It trusts nothing: container, hash, FlatBuffers structure, then
// each index, symbol, offset and size of the plan are checked before anyone else sees the file.
#pragma once

#include "runtime/abi/artifact_generated.h"
#include "runtime/support/Status.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Number of elements of a FlatBuffers vector; an absent vector is an empty one.
template <typename T> std::uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

/// Text of a FlatBuffers string; an absent string is an empty one.
inline std::string_view text(const flatbuffers::String *string) {
  return string ? std::string_view(string->data(), string->size()) : std::string_view();
}

/// An artifact that passed every check. Immutable; the accessors point into its bytes, so keep
/// the reader alive as long as anything taken from root() is in use.
/// What a caller may rely on after open(): all indices (symbols, kernels, operands, scalars,
/// storage one a parameter) are in range; buffers lie inside their segments for any symbol
/// values within capacity; storage slices do not overlap; names are unique in their tables;
/// tokenizer and checkpoint file names are bare file names; vectors may still be absent (use
/// `count`), required strings are not.
class ArtifactReader {
public:
  /// Maps and checks `path`. Errors are one line and begin with the file's name.
  static Result<std::shared_ptr<const ArtifactReader>> open(const std::string &path);

  /// The same for a container in memory, which `name` stands for in errors.
  static Result<std::shared_ptr<const ArtifactReader>>
  fromBytes(std::string name, std::vector<std::uint8_t> bytes);

  virtual ~ArtifactReader() = default;

  const abi::Artifact &root() const { return *artifact; }
  const abi::Artifact *operator->() const { return artifact; }

  /// The path or name it was opened by.
  const std::string &name() const { return fileName; }

  /// SHA-256 of the payload, 64 lower-case hexadecimal digits: the artifact's identity.
  const std::string &sha256() const { return payloadHash; }

  /// Index of a symbol, scalar or parameter by name; -1 if the artifact has none of that name.
  int symbolIndex(std::string_view name) const;
  int scalarIndex(std::string_view name) const;
  int parameterIndex(std::string_view name) const;

protected:
  ArtifactReader() = default;
  static Status check(ArtifactReader &reader, std::span<const std::uint8_t> container);

  const abi::Artifact *artifact = nullptr;
  std::string fileName;
  std::string payloadHash;
};

} // namespace ftc::rt
