// Merging rounds as PEFT does: the product in f32, then the factor, then the sum. The product's
// terms are added in f64, so it is the f32 nearest to the truth; PyTorch's may be an ulp
// beside.
#include "runtime/train/Adapter.h"

#include "runtime/train/Export.h"

#include <algorithm>
#include <map>
#include <memory>

namespace ftc::rt {

namespace {

/// The factors of one adapted weight as its file has it: left[rows, rank] right[rank, columns].
struct Factors {
  std::vector<float> left, right;
  std::int64_t columns = 0, rank = 0;

  /// Adds scale * (left right) to elements [first, first + values.size()) of the weight.
  void addTo(std::span<float> values, std::int64_t first, float scale) const {
    std::vector<double> sums(static_cast<std::size_t>(columns));
    std::int64_t row = first / columns, column = first % columns;
    for (std::size_t at = 0; at < values.size(); ++row, column = 0) {
      auto part =
          std::min<std::size_t>(static_cast<std::size_t>(columns - column), values.size() - at);
      std::fill_n(sums.begin(), part, 0.0);
      for (std::int64_t k = 0; k < rank; ++k) {
        double factor = left[static_cast<std::size_t>(row * rank + k)];
        const float *terms = right.data() + k * columns + column;
        for (std::size_t i = 0; i < part; ++i)
          sums[i] += factor * terms[i];
      }
      for (std::size_t i = 0; i < part; ++i)
        values[at + i] += static_cast<float>(sums[i]) * scale;
      at += part;
    }
  }
};

std::vector<float> transposed(const std::vector<float> &matrix, std::int64_t rows,
                              std::int64_t columns) {
  std::vector<float> out(matrix.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      out[c * rows + r] = matrix[r * columns + c];
  return out;
}

Result<std::vector<float>> stored(Executor &executor, int index) {
  std::vector<float> values(executor.parameterElements(static_cast<std::uint32_t>(index)));
  FTC_RETURN_IF_ERROR(executor.storeParameter(static_cast<std::uint32_t>(index), values));
  return values;
}

constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight", kWeight = ".weight";

bool isFactor(std::string_view name) { return name.ends_with(kA) || name.ends_with(kB); }

/// The factors beside `weight`, or null when it has none.
Result<std::shared_ptr<const Factors>> factorsOf(Session &session, std::string_view weight) {
  const ArtifactReader &artifact = *session.artifact;
  if (!weight.ends_with(kWeight))
    return std::shared_ptr<const Factors>();
  std::string module(weight.substr(0, weight.size() - kWeight.size()));
  int a = artifact.parameterIndex(module + std::string(kA));
  int b = artifact.parameterIndex(module + std::string(kB));
  if (a < 0 && b < 0)
    return std::shared_ptr<const Factors>();
  auto base = static_cast<std::uint32_t>(artifact.parameterIndex(weight));
  auto shape = [&](int index) { return artifact->parameters()->Get(index)->shape(); };
  // A Conv1D's file has W[in, out]; its factors are A[r, in] and B[out, r] all the same.
  bool across = session.executor->variant().storage()->Get(base)->layout()->kind() ==
                abi::LayoutKind::PanelsTransposed;
  const auto *whole = artifact->parameters()->Get(base)->shape();
  bool fits = a >= 0 && b >= 0 && whole->size() == 2 && shape(a)->size() == 2 &&
              shape(b)->size() == 2 && shape(a)->Get(1) == whole->Get(across ? 0 : 1) &&
              shape(b)->Get(0) == whole->Get(across ? 1 : 0) &&
              shape(a)->Get(0) == shape(b)->Get(1);
  if (!fits)
    return Status::error(artifact.name() + ": the adapter of '" + module +
                         "' does not fit its weight; compile it again");
  auto factors = std::make_shared<Factors>();
  factors->columns = whole->Get(1);
  factors->rank = shape(a)->Get(0);
  FTC_ASSIGN_OR_RETURN(std::vector<float> inner, stored(*session.executor, a));
  FTC_ASSIGN_OR_RETURN(std::vector<float> outer, stored(*session.executor, b));
  factors->left = across ? transposed(inner, factors->rank, whole->Get(0)) : std::move(outer);
  factors->right = across ? transposed(outer, whole->Get(1), factors->rank) : std::move(inner);
  return std::shared_ptr<const Factors>(std::move(factors));
}

} // namespace

bool hasAdapter(const ArtifactReader &artifact) { return artifact->adapter() != nullptr; }

std::vector<TensorSource> adapterTensors(Session &session) {
  std::vector<TensorSource> tensors;
  for (TensorSource &tensor : parameterTensors(session, ParameterSlot::Params)) {
    int index = session.artifact->parameterIndex(tensor.name);
    if (!(*session.artifact)->parameters()->Get(index)->trainable())
      continue;
    tensor.name = kAdapterPrefix + tensor.name;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Result<std::vector<TensorSource>> mergedTensors(Session &session) {
  auto scale = static_cast<float>((*session.artifact)->adapter()->scale());
  std::vector<TensorSource> tensors;
  for (TensorSource &tensor : parameterTensors(session, ParameterSlot::Params)) {
    if (isFactor(tensor.name))
      continue;
    FTC_ASSIGN_OR_RETURN(std::shared_ptr<const Factors> factors,
                         factorsOf(session, tensor.name));
    if (factors)
      tensor.fill = [plain = tensor.fill, factors, scale](std::uint64_t firstByte,
                                                          std::span<std::byte> out) {
        FTC_RETURN_IF_ERROR(plain(firstByte, out));
        factors->addTo({reinterpret_cast<float *>(out.data()), out.size() / 4},
                       static_cast<std::int64_t>(firstByte / 4), scale);
        return Status::ok();
      };
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

} // namespace ftc::rt
