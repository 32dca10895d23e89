// Where weights come from: what safetensors checkpoints and GGUF files have in common, under
// Hugging Face's tensor names. The compiler and the runtime see models through this alone.
#pragma once

#include "runtime/io/DType.h"
#include "runtime/support/File.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// One tensor of a model. All sizes were checked against the file.
struct TensorInfo {
  std::string name;
  /// Of stored elements; F32 where blocks of a quantized type are stored.
  DType dtype = DType::F32;
  std::vector<std::uint64_t> shape;
  /// Product of the shape; 1 for a scalar.
  std::uint64_t elements = 0;
  /// Which of the source's files holds it.
  std::size_t file = 0;
  /// Where its bytes begin, counted from the start of that file, and how many there are.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// "F32 [768, 768]".
std::string describeTensor(const TensorInfo &tensor);

/// The weights of a model. Const members are safe from several threads at once; sha256() fills
/// a cache and is not.
class WeightSource {
public:
  /// `path` is a directory or file of safetensors (see Checkpoint), a GGUF file, or a directory
  /// with one GGUF file and no safetensors.
  static Result<std::unique_ptr<WeightSource>> open(const std::string &path);
  virtual ~WeightSource() = default;

  /// Sorted by name.
  const std::vector<TensorInfo> &tensors() const { return all; }
  /// nullptr when there is none.
  const TensorInfo *find(std::string_view name) const;

  std::size_t fileCount() const { return files.size(); }
  /// Bare name, path, size and SHA-256 (computed on the first call, streaming) of a file.
  std::string fileName(std::size_t file) const;
  const std::string &filePath(std::size_t file) const { return files[file].file.path(); }
  std::uint64_t fileBytes(std::size_t file) const { return files[file].file.size(); }
  Result<std::string> sha256(std::size_t file);
  /// Fails where a file was written to since it was opened. One whose time alone is another is
  /// read through where sha256() was asked for before, and may have the same bytes.
  Status checkUnchanged(std::size_t file);

  static constexpr std::uint64_t toTheEnd = std::numeric_limits<std::uint64_t>::max();
  /// Elements [first, first + count) as f32, row-major, into `out`; all by default. Fails on
  /// the first element that is not finite as f32, naming it.
  virtual Status readAsF32(const TensorInfo &tensor, float *out, std::uint64_t first = 0,
                           std::uint64_t count = toTheEnd) const = 0;

protected:
  WeightSource() = default;
  WeightSource(WeightSource &&) = default;
  WeightSource &operator=(WeightSource &&) = default;

  struct WeightFile {
    File file;
    std::optional<MappedFile> mapped;
    std::optional<std::string> hash;
  };
  void sortByName();
  /// An error about a tensor: "FILE: tensor 'NAME'WHAT".
  Status tensorError(const TensorInfo &tensor, const std::string &what) const;
  /// Cuts `count` to what the tensor has from `first` on.
  Status clampRange(const TensorInfo &tensor, std::uint64_t first, std::uint64_t &count) const;
  /// Fails unless all values, elements of the tensor from `first` on, are finite.
  Status checkFinite(const TensorInfo &tensor, const float *values, std::uint64_t first,
                     std::size_t count) const;

  std::vector<WeightFile> files;
  std::vector<TensorInfo> all;
};

} // namespace ftc::rt
