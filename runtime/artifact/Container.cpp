// Reading and making the container. The hash is compared before anything else of the payload
// is looked at, so an altered file never reaches a parser.
#include "runtime/artifact/Container.h"

#include "runtime/abi/Kernel.h"
#include "runtime/artifact/ArtifactCheck.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/support/File.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Text.h"

#include <cstring>

namespace ftc::rt {

// Byte offsets of the header's fields. Integers are little-endian.
static constexpr std::size_t kVersionAt = 8, kReservedAt = 12, kLengthAt = 16, kHashAt = 24;
static constexpr std::size_t kHashBytes = 32;
static_assert(kHashAt + kHashBytes == kArtifactHeaderBytes);

static std::uint64_t readInteger(const std::uint8_t *bytes, int count) {
  std::uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i)
    value = value << 8 | bytes[i];
  return value;
}

static void writeInteger(std::uint8_t *bytes, int count, std::uint64_t value) {
  for (int i = 0; i < count; ++i, value >>= 8)
    bytes[i] = static_cast<std::uint8_t>(value);
}

static std::string toHex(std::span<const std::uint8_t> bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Result<std::span<const std::uint8_t>> openContainer(std::span<const std::uint8_t> container,
                                                    std::string &hash) {
  if (container.size() < 8 || std::memcmp(container.data(), kArtifactMagic, 8) != 0)
    return Status::error("not an ftc artifact (expected it to begin with FTCARTF1): give a "
                         "file written by ftc compile");
  if (container.size() < kArtifactHeaderBytes)
    return Status::error("the artifact ends inside its header, after " +
                         std::to_string(container.size()) + " bytes: compile it again");
  auto version = static_cast<std::uint32_t>(readInteger(&container[kVersionAt], 4));
  if (version != abi::kAbiVersion)
    return Status::error("ABI version " + std::to_string(version) + ", this ftrt reads " +
                         std::to_string(abi::kAbiVersion) + ": compile it again");
  if (readInteger(&container[kReservedAt], 4) != 0)
    return Status::error("the artifact's header is altered: compile it again");
  std::uint64_t length = readInteger(&container[kLengthAt], 8);
  std::uint64_t present = container.size() - kArtifactHeaderBytes;
  if (length != present)
    return Status::error("the artifact's payload has " + std::to_string(present) +
                         " bytes, its header says " + std::to_string(length) +
                         ": copy or compile it again");
  auto payload = container.subspan(kArtifactHeaderBytes);
  FTC_ASSIGN_OR_RETURN(hash, sha256Hex(payload.data(), payload.size()));
  if (hash != toHex(container.subspan(kHashAt, kHashBytes)))
    return Status::error("the artifact was altered (its SHA-256 does not match): copy or "
                         "compile it again");
  return payload;
}

Result<std::vector<std::uint8_t>> makeContainer(std::span<const std::uint8_t> payload) {
  FTC_ASSIGN_OR_RETURN(std::string hash, sha256Hex(payload.data(), payload.size()));
  std::vector<std::uint8_t> out(kArtifactHeaderBytes + payload.size());
  std::memcpy(out.data(), kArtifactMagic, 8);
  writeInteger(&out[kVersionAt], 4, abi::kAbiVersion);
  writeInteger(&out[kLengthAt], 8, payload.size());
  auto digit = [&](std::size_t at) {
    return hash[at] <= '9' ? hash[at] - '0' : hash[at] - 'a' + 10;
  };
  for (std::size_t i = 0; i < kHashBytes; ++i)
    out[kHashAt + i] = static_cast<std::uint8_t>(digit(2 * i) << 4 | digit(2 * i + 1));
  if (!payload.empty())
    std::memcpy(&out[kArtifactHeaderBytes], payload.data(), payload.size());
  return out;
}

Status writeArtifact(const std::string &path, std::span<const std::uint8_t> payload) {
  if (auto checked = checkPayload(payload); !checked)
    return checked.takeStatus().withContext(path);
  FTC_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, makeContainer(payload));
  return writeFileAtomic(
      path, std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
}

} // namespace ftc::rt
