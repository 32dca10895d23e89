// A GGUF file as a source of weights under Hugging Face's names.
#pragma once

#include "runtime/io/GgufModel.h"
#include "runtime/io/WeightSource.h"

#include <map>

namespace ftc::rt {

/// The tensors of a GGUF file of the Llama family as the model's own checkpoint would have
/// them: names, shapes, order of rows; without lm_head.weight where it is tied.
class GgufCheckpoint : public WeightSource {
public:
  static Result<std::unique_ptr<WeightSource>> open(const std::string &path);

  /// Any range; blocks are decoded as they are read.
  Status readAsF32(const TensorInfo &tensor, float *out, std::uint64_t first = 0,
                   std::uint64_t count = toTheEnd) const override;

private:
  explicit GgufCheckpoint(GgufFile file) : gguf(std::move(file)) {}
  Status addTensors();

  GgufFile gguf;
  std::map<std::string, GgufMapping, std::less<>> mappings; ///< by name
};

} // namespace ftc::rt
