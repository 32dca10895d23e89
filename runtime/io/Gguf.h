// GGUF, llama.cpp's file of a whole model: metadata, tensor infos, blocks of numbers. Versions
// 2 and 3, little-endian, one file. Layout:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// Stricter than llama.cpp, refused here and accepted there: a bool that is neither 0 nor 1, a
// dimension of 0, a key that is not UTF-8. Looser: tensors may come in any order with gaps
// between them, as long as they are aligned and do not overlap.
#pragma once

#include "runtime/io/GgufBlocks.h"
#include "runtime/support/File.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// The format's numbers of value types.
enum class GgufType : std::uint32_t {
  Uint8,
  Int8,
  Uint16,
  Int16,
  Uint32,
  Int32,
  Float32,
  Bool,
  String,
  Array,
  Uint64,
  Int64,
  Float64,
};

/// One tensor, all sizes checked against the file.
struct GgufTensor {
  std::string name;
  const GgmlType *type = nullptr; ///< has a decoder
  /// In the file's order: the first dimension is the innermost, as if a shape were reversed.
  std::vector<std::uint64_t> dimensions;
  std::uint64_t elements = 0;
  std::uint64_t offset = 0; ///< from the start of the file
  std::uint64_t bytes = 0;
};

/// A parsed file. Const members are safe from several threads at once.
class GgufFile {
public:
  /// Reads and checks all but the numbers.
  static Result<GgufFile> open(const std::string &path);
  /// The same of a file's bytes in memory; `source` is what messages call it.
  static Result<GgufFile> fromBytes(std::string bytes, std::string source);

  const std::string &source() const { return name; }
  std::uint32_t version() const { return formatVersion; }
  /// In the file's order.
  const std::vector<GgufTensor> &tensors() const { return tensorInfos; }
  /// nullptr when there is none.
  const GgufTensor *find(std::string_view tensor) const;

  /// Every key, sorted.
  std::vector<std::string> keys() const;
  bool has(std::string_view key) const { return values.find(key) != values.end(); }
  /// A value of any integer type within [min, max]. All getters fail on an absent key.
  Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  Result<std::int64_t> integerOr(std::string_view key, std::int64_t fallback, std::int64_t min,
                                 std::int64_t max) const;
  /// A finite FLOAT32 or FLOAT64; of a FLOAT32 the shortest decimal that rounds to it, so that
  /// 1e-5 stays 1e-5.
  Result<double> number(std::string_view key) const;
  Result<bool> booleanOr(std::string_view key, bool fallback) const;
  /// Valid UTF-8.
  Result<std::string> string(std::string_view key) const;
  Result<std::string> stringOr(std::string_view key, std::string_view fallback) const;
  Result<std::vector<std::string>> strings(std::string_view key) const;
  Result<std::vector<std::int32_t>> int32s(std::string_view key) const;
  Result<std::vector<float>> float32s(std::string_view key) const;
  /// "SOURCE: metadata 'key' WHAT".
  Status keyError(std::string_view key, const std::string &what) const;

  /// Elements [first, first + count) of a tensor as f32. The range must lie in the tensor;
  /// values are not looked at.
  Status readAsF32(const GgufTensor &tensor, float *out, std::uint64_t first,
                   std::uint64_t count) const;

  /// The file, for its size and hash; nothing when opened from memory.
  const std::optional<File> &file() const { return disk; }

private:
  friend class GgufParser;
  struct Value {
    GgufType type = GgufType::Uint8;
    GgufType element = GgufType::Uint8; ///< of an array
    std::uint64_t count = 1;            ///< of an array's elements
    std::size_t begin = 0;              ///< of the value or the first element, in `header`
  };
  Result<const Value *> find(std::string_view key, GgufType type) const;
  Result<const Value *> findArray(std::string_view key, GgufType element) const;
  template <typename T> T at(std::size_t offset) const;
  std::string_view stringAt(std::size_t &offset) const;
  std::optional<std::int64_t> integerAt(const Value &value) const;
  Status readBytes(std::uint64_t offset, std::byte *out, std::size_t count) const;

  std::string name;
  std::uint32_t formatVersion = 0;
  std::optional<File> disk;
  /// The bytes up to the end of the tensor infos; all of the file when opened from memory.
  std::string header;
  std::map<std::string, Value, std::less<>> values;
  std::vector<GgufTensor> tensorInfos;
};

/// "UINT8", ...; the format's name of a value type.
const char *ggufTypeName(GgufType type);

/// The GGUF file that `path` stands for: a file that ends in .gguf or begins as one, or the one
/// *.gguf of a directory without safetensors. Nothing when `path` is something else; an error
/// when a directory has several.
Result<std::optional<std::string>> findGguf(const std::string &path);

} // namespace ftc::rt
