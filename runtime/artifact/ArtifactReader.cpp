// Opens artifacts: maps or takes the bytes, opens the container, runs all checks.
#include "runtime/artifact/ArtifactReader.h"

#include "runtime/artifact/ArtifactCheck.h"
#include "runtime/artifact/Container.h"
#include "runtime/support/MappedFile.h"

namespace ftc::rt {

namespace {
struct MappedArtifact final : ArtifactReader {
  MappedFile file;
  using ArtifactReader::check;
  using ArtifactReader::fileName;
};

struct HeldArtifact final : ArtifactReader {
  // Held as 8-byte words: the header's 56 bytes keep the FlatBuffer 8-byte aligned.
  std::vector<std::uint64_t> words;
  using ArtifactReader::check;
  using ArtifactReader::fileName;
};

template <typename Table> int findByName(const Table *table, std::string_view name) {
  for (std::uint32_t i = 0; i < count(table); ++i)
    if (text(table->Get(i)->name()) == name)
      return static_cast<int>(i);
  return -1;
}
} // namespace

Status ArtifactReader::check(ArtifactReader &reader, std::span<const std::uint8_t> container) {
  auto payload = openContainer(container, reader.payloadHash);
  if (!payload)
    return payload.takeStatus().withContext(reader.fileName);
  auto root = checkPayload(*payload);
  if (!root)
    return root.takeStatus().withContext(reader.fileName);
  reader.artifact = *root;
  return Status::ok();
}

Result<std::shared_ptr<const ArtifactReader>> ArtifactReader::open(const std::string &path) {
  auto reader = std::make_shared<MappedArtifact>();
  reader->fileName = path;
  FTC_ASSIGN_OR_RETURN(reader->file, MappedFile::open(path));
  auto bytes = reader->file.bytes();
  FTC_RETURN_IF_ERROR(MappedArtifact::check(
      *reader, {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()}));
  return std::shared_ptr<const ArtifactReader>(std::move(reader));
}

Result<std::shared_ptr<const ArtifactReader>>
ArtifactReader::fromBytes(std::string name, std::vector<std::uint8_t> bytes) {
  auto reader = std::make_shared<HeldArtifact>();
  reader->fileName = std::move(name);
  reader->words.resize(bytes.size() / 8 + 1);
  auto *copy = reinterpret_cast<std::uint8_t *>(reader->words.data());
  std::copy(bytes.begin(), bytes.end(), copy);
  FTC_RETURN_IF_ERROR(HeldArtifact::check(*reader, {copy, bytes.size()}));
  return std::shared_ptr<const ArtifactReader>(std::move(reader));
}

int ArtifactReader::symbolIndex(std::string_view name) const {
  return findByName(artifact->symbols(), name);
}
int ArtifactReader::scalarIndex(std::string_view name) const {
  return findByName(artifact->scalars(), name);
}
int ArtifactReader::parameterIndex(std::string_view name) const {
  return findByName(artifact->parameters(), name);
}

} // namespace ftc::rt
