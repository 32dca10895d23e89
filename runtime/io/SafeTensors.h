// safetensors: the reader of a model's weights (one file or shards behind an index), shared by
// the compiler and the runtime, and a writer with Python's bytes.
//
// The reader gives the verdict of Python's safetensors 0.8.0 except for these, all refused here
// and accepted there: (1) a tensor or __metadata__ key that appears twice (there the last one
// wins); (2) a tensor's entry written as an array, ["F32",[1],[0,4]]; (3) a dtype written as an
// object, {"F32":null}. In a value nobody reads, a number whose rounding to double decides
// between the largest finite value and overflow may get another verdict.
#pragma once

#include "runtime/io/WeightSource.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// The header of one file: tensors sorted by offset.
struct SafeTensorsHeader {
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

/// The length of the header, from the first 8 bytes of a file of `fileBytes`.
Result<std::uint64_t> safeTensorsHeaderBytes(std::string_view start, std::uint64_t fileBytes,
                                             std::string_view source);

/// Parses the JSON of a header. `dataOffset` is where the data begins in the file (8 + header
/// bytes), `dataBytes` how much there is. Every rule of the format is checked.
Result<SafeTensorsHeader> parseSafeTensorsHeader(std::string_view json,
                                                 std::uint64_t dataOffset,
                                                 std::uint64_t dataBytes,
                                                 std::string_view source);

/// A file's bytes from the first: length, header, data. What a fuzzer or test calls.
Result<SafeTensorsHeader> parseSafeTensors(std::string_view fileBytes, std::string_view source);

/// Parses model.safetensors.index.json: tensor name -> bare shard file name.
Result<std::map<std::string, std::string>> parseSafeTensorsIndex(std::string_view json,
                                                                 std::string_view source);

/// The weights of a model in safetensors. Const members are safe from several threads at once;
/// data() and sha256() fill caches and are not.
class Checkpoint : public WeightSource {
public:
  /// `path` is a directory with model.safetensors, or model.safetensors.index.json and its
  /// shards, or a .safetensors file. With an index, tensors are those of its weight_map.
  static Result<Checkpoint> open(const std::string &path);

  /// Raw bytes by pread: `out.size()` bytes from `firstByte` of the tensor.
  Status read(const TensorInfo &tensor, std::uint64_t firstByte,
              std::span<std::byte> out) const;

  /// F32, F16, BF16 and F64 (rounded to nearest) are converted, other types refused.
  Status readAsF32(const TensorInfo &tensor, float *out, std::uint64_t first = 0,
                   std::uint64_t count = toTheEnd) const override;

  /// The tensor's bytes in place, through a mapping made on the first call (MappedFile's
  /// SIGBUS policy; alignment as in the file, which may be 1). Valid while this lives.
  Result<std::span<const std::byte>> data(const TensorInfo &tensor);

  /// Gives page cache and mapped pages of the tensor back to the system.
  void dropPages(const TensorInfo &tensor) const;

private:
  /// Opens one file; with a weight map, takes the tensors it places in that file.
  Status addFile(const std::string &path, const std::map<std::string, std::string> *weightMap);
  static Result<Checkpoint> openIndexed(const std::string &directory, const std::string &index);
};

/// Whether `directory` holds model.safetensors or its index.
bool hasSafeTensors(const std::string &directory);

/// One tensor to write: bytes in memory, or a callback that fills any range of them.
struct TensorSource {
  std::string name;
  DType dtype = DType::F32;
  std::vector<std::uint64_t> shape;
  /// Row-major bytes; used when set.
  const void *data = nullptr;
  /// Otherwise: fills `out` with the bytes from `firstByte` on (both multiples of the element
  /// size). Called once a range, front to back.
  std::function<Status(std::uint64_t firstByte, std::span<std::byte> out)> fill;
};

/// Writes what Python's safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
/// writes, byte for byte: tensors by dtype (widest first), then by name. Streams; at most 1 MiB
/// is held. Fails on two tensors of one name.
Status writeSafeTensors(OutputFile &file, std::span<const TensorSource> tensors);
/// The size of the file writeSafeTensors makes.
Result<std::uint64_t> safeTensorsFileBytes(std::span<const TensorSource> tensors);
/// writeSafeTensors through an AtomicFile.
Status saveSafeTensors(const std::string &path, std::span<const TensorSource> tensors);

} // namespace ftc::rt
