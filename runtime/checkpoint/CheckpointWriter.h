// The commit of a training checkpoint: whatever fails or kills the process, a directory named
// checkpoint-N is complete, durable and verifiable, and the ones before it are untouched.
//
// checkpoint-N.tmp/ is filled, each file fsynced; manifest.json (sizes, SHA-256 of each file,
// the artifact's hash) is written last and fsynced, then the directory; it is renamed to
// checkpoint-N and the parent fsynced. Nothing is ever overwritten.
#pragma once

#include "runtime/io/SafeTensors.h"
#include "runtime/support/File.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// One file of a checkpoint as the manifest tells it.
struct ManifestFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// What a manifest says.
struct Manifest {
  std::int64_t step = 0;
  /// SHA-256 of the artifact that the state belongs to.
  std::string artifact;
  std::vector<ManifestFile> files;
};

inline constexpr const char *manifestName = "manifest.json";

/// The text of manifest.json, its own checksum included.
Result<std::string> writeManifest(const Manifest &manifest);
/// The inverse; any altered byte that matters is refused.
Result<Manifest> parseManifest(std::string_view text, std::string_view source);

/// Writes one checkpoint. Unless commit() succeeded, the destructor removes what was written.
/// After a failed call only destruction is useful: every further call fails as well.
class CheckpointWriter {
public:
  /// Makes OUTPUT_DIR/checkpoint-STEP.tmp, in place of what a killed run left under that name.
  /// Fails when checkpoint-STEP exists. `artifactSha256` goes into the manifest.
  static Result<CheckpointWriter> begin(const std::string &outputDir, std::int64_t step,
                                        std::string_view artifactSha256);
  ~CheckpointWriter();
  CheckpointWriter(CheckpointWriter &&other) noexcept;
  CheckpointWriter &operator=(CheckpointWriter &&) = delete;

  /// Adds a durable file under a bare name that was not added before.
  Status addFile(const std::string &name, std::string_view content);
  /// The same, written by a callback; `expectedBytes` (0: unknown) serves the message of a full
  /// disk.
  Status addFile(const std::string &name, std::uint64_t expectedBytes,
                 const std::function<Status(OutputFile &)> &write);
  /// A safetensors file.
  Status addTensors(const std::string &name, std::span<const TensorSource> tensors);

  /// Makes the checkpoint visible. When this fails, no checkpoint-STEP is left.
  Status commit();

  /// Where the checkpoint is after commit().
  const std::string &path() const { return target; }

private:
  CheckpointWriter() = default;
  Status fail(Status status);
  std::string parent, working, target;
  Manifest manifest;
  bool open = false;
  bool failed = false;
};

} // namespace ftc::rt
