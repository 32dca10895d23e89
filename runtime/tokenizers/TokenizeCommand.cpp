// Line by line, so that files of any size take the memory of one line.
#include "runtime/tokenizers/TokenizeCommand.h"
#include "runtime/support/File.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>

namespace ftc::rt {
namespace {

/// Lines of a file, read in blocks.
class LineReader {
public:
  explicit LineReader(const File &f) : file(f) {}

  /// The next line without its end; false at the end of the file.
  Result<bool> next(std::string &line) {
    line.clear();
    bool any = false;
    while (true) {
      if (at == block.size()) {
        block.resize(
            static_cast<std::size_t>(std::min<std::uint64_t>(blockSize, file.size() - offset)));
        at = 0;
        if (block.empty())
          return any;
        FTC_RETURN_IF_ERROR(file.readAt(offset, block.data(), block.size()));
        offset += block.size();
      }
      any = true;
      std::size_t end = block.find('\n', at);
      bool whole = end != std::string::npos;
      line.append(block, at, (whole ? end : block.size()) - at);
      at = whole ? end + 1 : block.size();
      if (whole)
        return true;
    }
  }

private:
  static constexpr std::uint64_t blockSize = 1 << 20;
  const File &file;
  std::string block;
  std::size_t at = 0;
  std::uint64_t offset = 0;
};

} // namespace

std::string toJson(const Encoding &encoding) {
  std::string out = "{\"ids\": [";
  out.reserve(24 + encoding.ids.size() * 24);
  for (std::size_t i = 0; i < encoding.ids.size(); ++i)
    out.append(i ? ", " : "").append(std::to_string(encoding.ids[i]));
  out += "], \"offsets\": [";
  for (std::size_t i = 0; i < encoding.offsets.size(); ++i)
    out.append(i ? ", [" : "[")
        .append(std::to_string(encoding.offsets[i].first))
        .append(", ")
        .append(std::to_string(encoding.offsets[i].second))
        .append("]");
  return out += "]}";
}

Status tokenizeLines(const Tokenizer &tokenizer, const std::string &path, std::FILE *out) {
  FTC_ASSIGN_OR_RETURN(File file, File::open(path));
  LineReader reader(file);
  std::string line;
  for (std::uint64_t number = 1;; ++number) {
    FTC_ASSIGN_OR_RETURN(bool more, reader.next(line));
    if (!more)
      break;
    std::string_view text = line;
    if (number == 1 && text.substr(0, 3) == "\xef\xbb\xbf")
      text.remove_prefix(3);
    if (!text.empty() && text.back() == '\r')
      text.remove_suffix(1);
    Result<Encoding> encoding = tokenizer.encode(text, EncodeOptions{});
    if (!encoding)
      return encoding.takeStatus().withContext(quote(path, 200) + " line " +
                                               std::to_string(number));
    std::string json = toJson(*encoding) + "\n";
    if (std::fwrite(json.data(), 1, json.size(), out) != json.size())
      return ioError("write", "standard output", errno);
  }
  if (std::fflush(out) != 0)
    return ioError("write", "standard output", errno);
  return Status::ok();
}

} // namespace ftc::rt
