// The commit protocol, step by step; see the header for the order and its reasons.
#include "runtime/checkpoint/CheckpointWriter.h"

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <utility>

namespace ftc::rt {

Result<CheckpointWriter> CheckpointWriter::begin(const std::string &outputDir,
                                                 std::int64_t step,
                                                 std::string_view artifactSha256) {
  if (step < 0)
    return Status::error("checkpoint of step " + std::to_string(step) +
                         ", expected a step of at least 0");
  if (!isSha256Hex(artifactSha256))
    return Status::error("checkpoint of an artifact with hash " + quote(artifactSha256) +
                         ", expected 64 hexadecimal digits");
  CheckpointWriter writer;
  writer.parent = outputDir;
  writer.target = checkpointPath(outputDir, step);
  writer.working = writer.target + ".tmp";
  writer.manifest.step = step;
  writer.manifest.artifact = artifactSha256;
  if (pathKind(writer.target) != PathKind::Missing)
    return Status::error("checkpoint " + quote(writer.target, 200) +
                         " exists already and is never overwritten; remove or rename it");
  FTC_RETURN_IF_ERROR(removeTree(writer.working));
  FTC_RETURN_IF_ERROR(makeDirectory(writer.working));
  writer.open = true;
  return writer;
}

CheckpointWriter::CheckpointWriter(CheckpointWriter &&other) noexcept
    : parent(std::move(other.parent)), working(std::move(other.working)),
      target(std::move(other.target)), manifest(std::move(other.manifest)),
      open(std::exchange(other.open, false)), failed(other.failed) {}

CheckpointWriter::~CheckpointWriter() {
  if (open)
    (void)removeTree(working).isOk(); // The next run's removeHalfWritten tries again.
}

Status CheckpointWriter::fail(Status status) {
  failed = true;
  return std::move(status).withContext("saving " + quote(baseName(target)));
}

Status CheckpointWriter::addFile(const std::string &name, std::uint64_t expectedBytes,
                                 const std::function<Status(OutputFile &)> &write) {
  if (failed || !open)
    return Status::error("saving " + quote(baseName(target)) +
                         ": it was given up after an earlier failure");
  if (!isBareFileName(name) || name == manifestName)
    return fail(Status::error("file name " + quote(name) +
                              ", expected a bare name other than " + manifestName));
  for (const ManifestFile &file : manifest.files)
    if (file.name == name)
      return fail(Status::error("file " + quote(name) + " is added twice"));
  auto file = OutputFile::create(joinPath(working, name), expectedBytes);
  if (!file)
    return fail(file.takeStatus());
  if (Status status = write(*file); !status)
    return fail(std::move(status));
  if (Status status = file->finish(); !status)
    return fail(std::move(status));
  auto hash = file->sha256();
  if (!hash)
    return fail(hash.takeStatus());
  manifest.files.push_back({name, file->size(), hash.take()});
  return Status::ok();
}

Status CheckpointWriter::addFile(const std::string &name, std::string_view content) {
  return addFile(name, content.size(), [&](OutputFile &file) { return file.write(content); });
}

Status CheckpointWriter::addTensors(const std::string &name,
                                    std::span<const TensorSource> tensors) {
  auto bytes = safeTensorsFileBytes(tensors);
  if (!bytes)
    return fail(bytes.takeStatus());
  return addFile(name, *bytes,
                 [&](OutputFile &file) { return writeSafeTensors(file, tensors); });
}

Status CheckpointWriter::commit() {
  if (failed || !open)
    return Status::error("saving " + quote(baseName(target)) +
                         ": it was given up after an earlier failure");
  auto text = writeManifest(manifest);
  if (!text)
    return fail(text.takeStatus());
  auto file = OutputFile::create(joinPath(working, manifestName), text->size());
  if (!file)
    return fail(file.takeStatus());
  if (Status status = file->write(*text); !status)
    return fail(std::move(status));
  if (Status status = file->finish(); !status)
    return fail(std::move(status));
  if (Status status = syncDirectory(working); !status)
    return fail(std::move(status));
  if (Status status = renamePath(working, target); !status)
    return fail(std::move(status));
  if (Status status = syncDirectory(parent); !status) {
    // Visible but maybe not durable: taken back, so that what is visible was committed.
    if (!renamePath(target, working))
      open = false;
    return fail(std::move(status));
  }
  open = false;
  return Status::ok();
}

} // namespace ftc::rt
