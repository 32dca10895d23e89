// SHA-256 through OpenSSL's EVP interface; a failure is remembered rather than thrown.
#include "runtime/support/Sha256.h"

#include "runtime/support/File.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

namespace ftc::rt {

struct Sha256::State {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256 &&) noexcept = default;
Sha256 &Sha256::operator=(Sha256 &&) noexcept = default;

void Sha256::update(const void *data, std::size_t bytes) {
  if (bytes)
    state->good = state->good && EVP_DigestUpdate(state->context, data, bytes) == 1;
}

Result<std::string> Sha256::finishHex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  bool good = state->good && EVP_DigestFinal_ex(state->context, digest, &length) == 1;
  state->good = state->context && EVP_DigestInit_ex(state->context, EVP_sha256(), nullptr) == 1;
  if (!good || length != 32)
    return Status::error("SHA-256 could not be computed: OpenSSL reported a failure");
  std::string hex;
  hex.reserve(64);
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

Result<std::string> sha256Hex(const void *data, std::size_t bytes) {
  Sha256 hash;
  hash.update(data, bytes);
  return hash.finishHex();
}

Result<std::string> sha256HexOfFile(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(File file, File::open(path));
  return sha256HexOfFile(file);
}

Result<std::string> sha256HexOfFile(const File &file) {
  std::vector<char> buffer(std::size_t(1) << 18);
  Sha256 hash;
  for (std::uint64_t at = 0; at < file.size();) {
    std::size_t part = std::min<std::uint64_t>(buffer.size(), file.size() - at);
    FTC_RETURN_IF_ERROR(file.readAt(at, buffer.data(), part));
    hash.update(buffer.data(), part);
    at += part;
  }
  return hash.finishHex();
}

bool isSha256Hex(std::string_view text) {
  if (text.size() != 64)
    return false;
  for (char c : text)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
      return false;
  return true;
}

} // namespace ftc::rt
