// SHA-256 through OpenSSL's EVP, streaming or in one call: hashes of weights, artifacts and
// checkpoint files.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace ftc::rt {

/// A running hash. Any failure inside OpenSSL is kept and returned by finishHex.
class Sha256 {
public:
  Sha256();
  ~Sha256();
  Sha256(Sha256 &&) noexcept;
  Sha256 &operator=(Sha256 &&) noexcept;

  void update(const void *data, std::size_t bytes);
  void update(std::string_view data) { update(data.data(), data.size()); }

  /// The 64 lower-case hexadecimal digits. The hash starts afresh afterwards.
  Result<std::string> finishHex();

private:
  struct State;
  std::unique_ptr<State> state;
};

/// One call over bytes in memory.
Result<std::string> sha256Hex(const void *data, std::size_t bytes);
inline Result<std::string> sha256Hex(std::string_view data) {
  return sha256Hex(data.data(), data.size());
}

class File;
/// Streams a file through a fixed buffer. Errors carry the path.
Result<std::string> sha256HexOfFile(const File &file);
Result<std::string> sha256HexOfFile(const std::string &path);

/// True for exactly 64 characters of 0-9a-f.
bool isSha256Hex(std::string_view text);

} // namespace ftc::rt
