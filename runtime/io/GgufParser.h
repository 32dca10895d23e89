// The parser of a GGUF file's header: every count and length is compared with what the file
// still has before anything is multiplied or reserved.
#pragma once

#include "runtime/io/Gguf.h"

namespace ftc::rt {

/// Fills a GgufFile whose `disk` or `header` holds the bytes.
class GgufParser {
public:
  GgufParser(GgufFile &out, std::uint64_t fileBytes) : out(out), total(fileBytes) {}
  Status parse();

private:
  /// Makes the next `count` bytes of the header readable; `what` names them when the file ends
  /// before.
  Status need(std::uint64_t count, const std::string &what);
  template <typename T> Result<T> read(const std::string &what);
  /// A length and as many bytes, at most `most`.
  Result<std::string_view> readString(std::uint64_t most, const std::string &what);
  Result<GgufType> readType(const std::string &what);
  Status readStart(std::uint64_t &tensorCount, std::uint64_t &valueCount);
  Status readValue(std::uint64_t index, std::uint64_t count);
  Status skipScalar(GgufType type, const std::string &what);
  Status readArray(GgufFile::Value &value, const std::string &what);
  Status readAlignment();
  Status readTensor(std::uint64_t index, std::uint64_t count);
  Status readDimensions(GgufTensor &tensor, const std::string &what);
  /// Offsets become absolute; tensors must lie in the file, aligned and apart.
  Status placeTensors();
  Status error(const std::string &what) const;

  GgufFile &out;
  std::uint64_t total;
  std::uint64_t alignment = 32;
  std::size_t at = 0;
};

} // namespace ftc::rt
