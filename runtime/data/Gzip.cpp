// Inflates gzip files whole, so that readers see plain bytes; damage is an error, not data.
#include "runtime/data/Formats.h"
#include "runtime/support/Text.h"

#include <zlib.h>

#include <algorithm>

namespace ftc::rt {

namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;
constexpr std::uint64_t kFreeBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxRatio = 200;

/// A zlib stream that ends itself.
struct Inflater {
  z_stream stream{};
  bool ready = inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK;
  ~Inflater() {
    if (ready)
      inflateEnd(&stream);
  }
};

bool onlyZeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

} // namespace

Result<std::string> gunzip(std::string_view path, std::string_view compressed) {
  std::string shown = escape(path, 160);
  Inflater inflater;
  if (!inflater.ready)
    return Status::error(shown + ": cannot start inflating: out of memory");
  z_stream &stream = inflater.stream;
  std::uint64_t limit = kFreeBytes + kMaxRatio * compressed.size();
  std::string result;
  std::size_t given = 0, used = 0;
  for (;;) {
    if (stream.avail_in == 0 && given < compressed.size()) {
      std::size_t part = std::min(compressed.size() - given, std::size_t{1} << 30);
      stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(compressed.data() + given));
      stream.avail_in = static_cast<uInt>(part);
      given += part;
    }
    if (result.size() - used < kChunk)
      result.resize(std::max(used + kChunk, used + used / 2));
    std::size_t room = std::min(result.size() - used, std::size_t{1} << 30);
    stream.next_out = reinterpret_cast<Bytef *>(result.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    int code = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (used > limit)
      return Status::error(shown + ": expected at most " + std::to_string(kMaxRatio) +
                           " times the compressed size, got more; decompress it yourself if "
                           "it is what you mean");
    if (code == Z_STREAM_END) {
      std::size_t left = compressed.size() - given + stream.avail_in;
      if (onlyZeros(compressed.substr(compressed.size() - left)))
        break;
      if (inflateReset(&stream) != Z_OK)
        return Status::error(shown + ": cannot inflate the next gzip member");
      continue;
    }
    if (code == Z_BUF_ERROR || (code == Z_OK && stream.avail_in == 0 &&
                                given == compressed.size() && stream.avail_out != 0))
      return Status::error(shown + ": expected a whole gzip file, got one that is truncated "
                                   "after " +
                           std::to_string(used) + " inflated bytes");
    if (code != Z_OK)
      return Status::error(shown + ": expected gzip data, got damaged bytes (" +
                           escape(stream.msg ? stream.msg : "zlib error", 80) + ")");
  }
  result.resize(used);
  return result;
}

} // namespace ftc::rt
