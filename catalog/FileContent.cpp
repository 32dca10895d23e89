// Bytes of the hub to a partial file; every call that may fail names the path.
#include "catalog/FileContent.h"

#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <memory>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ftc::catalog {

rt::Result<FileContent> FileContent::open(const std::string &partial, const HubFile &file,
                                          const std::function<void(std::int64_t)> &seen) {
  rt::FileDescriptor fd(
      ::open(partial.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
  struct stat info;
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0)
    return rt::ioError("open", partial, errno);
  if (!S_ISREG(info.st_mode))
    return rt::Status::error(partial + ": expected a file, found something else");
  FileContent content(std::move(fd), partial, file, seen);
  content.at = info.st_size;
  if (file.size >= 0 && content.at > file.size)
    FTC_RETURN_IF_ERROR(content.clear());
  return content;
}

rt::Status FileContent::clear() {
  if (::ftruncate(fd.get(), 0) != 0)
    return rt::ioError("truncate", path, errno);
  at = 0;
  expected = file.size;
  return {};
}

rt::Status FileContent::sync() {
  return ::fsync(fd.get()) == 0 ? rt::Status() : rt::ioError("sync", path, errno);
}

/// A failure that ends the transfer; the caller looks at `problem` first.
rt::Status FileContent::refuse(std::string what, bool fromScratch) {
  problem = std::move(what);
  restart = fromScratch;
  return rt::Status::error(problem);
}

static std::int64_t parseCount(std::string_view text) {
  std::int64_t value = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

rt::Status FileContent::begin(const HttpResponse &response) {
  if (response.isWebPage()) { // what is there stays
    page = true;
    return refuse("a web page came", false);
  }
  if (response.status == 200) { // the whole file, whatever was asked for
    FTC_RETURN_IF_ERROR(clear());
    std::int64_t length = parseCount(response.header("content-length"));
    if (expected >= 0 && length >= 0 && length != expected)
      return refuse("the hub sends " + std::to_string(length) + " bytes, expected " +
                        std::to_string(expected),
                    true);
    return {};
  }
  std::string_view range = response.header("content-range"); // "bytes 10-99/100"
  std::size_t dash = range.find('-'), slash = range.find('/');
  bool good = range.starts_with("bytes ") && dash != range.npos && slash != range.npos &&
              parseCount(range.substr(6, dash - 6)) == at;
  std::int64_t total = good ? parseCount(range.substr(slash + 1)) : -1;
  if (!good || (expected >= 0 && total >= 0 && total != expected))
    return refuse("the hub sends another part than was asked for (Content-Range " +
                      rt::quote(range, 60) + ")",
                  true);
  return {};
}

rt::Status FileContent::write(std::string_view piece) {
  if (expected >= 0 && at + static_cast<std::int64_t>(piece.size()) > expected)
    return refuse("more came than the " + std::to_string(expected) + " bytes that it has",
                  true);
  while (!piece.empty()) {
    ssize_t count = ::write(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT))
      return rt::Status::io(
          path + ": the disk is full" +
          (expected >= 0 ? ", " + rt::describeBytes(expected - at) + " are still to come"
                         : "") +
          "; what came is kept, make room and pull again");
    if (count < 0)
      return rt::ioError("write", path, errno);
    piece.remove_prefix(static_cast<std::size_t>(count));
    at += count;
  }
  if (seen)
    seen(at);
  return {};
}

rt::Result<std::string> gitBlobSha1(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(rt::File file, rt::File::open(path));
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)> context(EVP_MD_CTX_new(),
                                                              EVP_MD_CTX_free);
  std::string head = "blob " + std::to_string(file.size());
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1) == 1;
  std::string buffer(1 << 20, 0);
  for (std::uint64_t at = 0; good && at < file.size();) {
    std::size_t count = std::min<std::uint64_t>(buffer.size(), file.size() - at);
    FTC_RETURN_IF_ERROR(file.readAt(at, buffer.data(), count));
    good = EVP_DigestUpdate(context.get(), buffer.data(), count) == 1;
    at += count;
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest, &length) != 1)
    return rt::Status::error(path + ": SHA-1 cannot be computed");
  std::string hex;
  for (unsigned i = 0; i < length; ++i)
    for (int shift : {4, 0})
      hex += "0123456789abcdef"[digest[i] >> shift & 15];
  return hex;
}

rt::Result<std::string> FileContent::mismatch() const {
  bool sha256 = file.hash.size() == 64;
  FTC_ASSIGN_OR_RETURN(std::string hash,
                       sha256 ? rt::sha256HexOfFile(path) : gitBlobSha1(path));
  if (hash == file.hash)
    return std::string();
  return (sha256 ? "SHA-256 is " : "git's SHA-1 is ") + hash.substr(0, 12) + "…, expected " +
         file.hash.substr(0, 12) + "…";
}

} // namespace ftc::catalog
