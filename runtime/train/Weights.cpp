// Loading weights: into place where they lie as in the file, else by way of one buffer; checked
// shapes, no mapping.
#include "runtime/train/Weights.h"

#include "runtime/io/SafeTensors.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Philox.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Export.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace ftc::rt {

namespace {

using Shape = std::span<const std::int64_t>;

Shape shapeOf(const abi::Parameter &parameter) {
  return {parameter.shape()->data(), parameter.shape()->size()};
}

/// The tensor's shape as messages show it: "[768, 768]".
std::string shapeText(Shape shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

bool sameShape(const TensorInfo &tensor, Shape shape) {
  if (tensor.shape.size() != shape.size())
    return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (tensor.shape[i] != static_cast<std::uint64_t>(shape[i]))
      return false;
  return true;
}

Result<const TensorInfo *> findTensor(const WeightSource &checkpoint, std::string_view name,
                                      Shape shape) {
  const TensorInfo *tensor = checkpoint.find(name);
  if (!tensor)
    return Status::error(checkpoint.filePath(0) + ": expected a tensor " + quote(name) + " " +
                         shapeText(shape) + ", got none of that name");
  if (!sameShape(*tensor, shape))
    return Status::error(checkpoint.filePath(tensor->file) + ": tensor " + quote(name) +
                         ": expected " + shapeText(shape) + ", got " + describeTensor(*tensor));
  return tensor;
}

/// A table whose rows are read when a batch names them.
Status leaveToDemand(Session &session, std::uint32_t index,
                     const std::shared_ptr<WeightSource> &checkpoint,
                     std::string_view name) {
  FTC_ASSIGN_OR_RETURN(
      const TensorInfo *tensor,
      findTensor(*checkpoint, name, shapeOf(*(*session.artifact)->parameters()->Get(index))));
  return session.demanded.readFrom(index, checkpoint, *tensor);
}

Status readTensor(const WeightSource &checkpoint, std::string_view name,
                  Shape shape, std::span<float> out) {
  FTC_ASSIGN_OR_RETURN(const TensorInfo *tensor, findTensor(checkpoint, name, shape));
  return checkpoint.readAsF32(*tensor, out.data());
}

/// A file must be the one that the compiler read.
Status checkHash(WeightSource &checkpoint, std::size_t file,
                 const abi::CheckpointFile &expected, const std::string &advice) {
  std::string where = checkpoint.filePath(file) + ": expected ";
  if (checkpoint.fileBytes(file) != static_cast<std::uint64_t>(expected.size()))
    return Status::error(where + std::to_string(expected.size()) + " bytes, got " +
                         std::to_string(checkpoint.fileBytes(file)) + advice);
  FTC_ASSIGN_OR_RETURN(std::string found, checkpoint.sha256(file));
  if (found != text(expected.sha256()))
    return Status::error(where + "SHA-256 " + escape(text(expected.sha256()), 16) + ", got " +
                         found.substr(0, 16) + "..." + advice);
  return Status::ok();
}

/// The files must be those that the compiler read.
Status checkHashes(const ArtifactReader &artifact, WeightSource &checkpoint) {
  for (std::uint32_t i = 0; i < count(artifact->checkpoint_files()); ++i) {
    const abi::CheckpointFile &expected = *artifact->checkpoint_files()->Get(i);
    std::size_t file = 0;
    while (file < checkpoint.fileCount() && checkpoint.fileName(file) != text(expected.name()))
      ++file;
    std::string advice = "; this artifact was compiled from other weights: name theirs with "
                         "--model_name_or_path, or compile again";
    if (file == checkpoint.fileCount())
      return Status::error(checkpoint.filePath(0) + ": expected a file " +
                           quote(text(expected.name())) + " beside it" + advice);
    FTC_RETURN_IF_ERROR(checkHash(checkpoint, file, expected, advice));
  }
  return Status::ok();
}

/// Canonical values on their way to the executor. A parameter that lies as they do is filled where
/// it is; the others share one buffer of the largest one's size.
class ParameterLoader {
public:
  explicit ParameterLoader(Session &session) : executor(*session.executor) {
    std::int64_t most = 0;
    for (std::uint32_t i = 0; i < count((*session.artifact)->parameters()); ++i)
      if (executor.parameterInPlace(i).empty())
        most = std::max(most, executor.parameterElements(i));
    buffer.resize(static_cast<std::size_t>(most));
  }

  /// Where parameter `index` is to be filled.
  std::span<float> values(std::uint32_t index) {
    if (std::span<float> place = executor.parameterInPlace(index); !place.empty())
      return place;
    return {buffer.data(), static_cast<std::size_t>(executor.parameterElements(index))};
  }
  /// Takes over what values(index) was filled with.
  Status load(std::uint32_t index) {
    return executor.parameterInPlace(index).empty() ? executor.loadParameter(index, values(index))
                                                    : Status::ok();
  }

private:
  Executor &executor;
  std::vector<float> buffer;
};

/// transformers' MarianSinusoidalPositionalEmbedding over [positions, width].
void fillSinusoids(Shape shape, std::span<float> out) {
  std::int64_t width = shape[1], sines = (width + 1) / 2;
  for (std::int64_t position = 0; position < shape[0]; ++position)
    for (std::int64_t column = 0; column < width; ++column) {
      std::int64_t pair = column < sines ? column : column - sines;
      double angle = static_cast<double>(position) /
                     std::pow(10000.0, 2 * static_cast<double>(pair) / static_cast<double>(width));
      out[position * width + column] =
          static_cast<float>(column < sines ? std::sin(angle) : std::cos(angle));
    }
}

void initialize(const abi::Parameter &parameter, std::uint32_t index, std::uint32_t seed,
                std::span<float> out) {
  switch (parameter.init()) {
  case abi::Init::Normal:
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = initialNormal(seed, index, i, parameter.init_std());
    return;
  case abi::Init::Uniform:
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = initialUniform(seed, index, i, parameter.init_std());
    return;
  case abi::Init::Ones:
    std::fill(out.begin(), out.end(), 1.0f);
    return;
  case abi::Init::Sinusoids:
    fillSinusoids(shapeOf(parameter), out);
    return;
  case abi::Init::Checkpoint:
  case abi::Init::Zeros:
    break;
  }
  std::fill(out.begin(), out.end(), 0.0f);
}

} // namespace

float initialUniform(std::uint32_t seed, std::uint32_t parameter, std::uint64_t element,
                     double bound) {
  auto words = philox({seed, static_cast<std::uint32_t>(PhiloxStream::Initialize)},
                      {static_cast<std::uint32_t>(element),
                       static_cast<std::uint32_t>(element >> 32), parameter, 0});
  return static_cast<float>(bound * (static_cast<double>(words[0]) * 0x1p-31 - 1));
}

float initialNormal(std::uint32_t seed, std::uint32_t parameter, std::uint64_t element,
                    double std) {
  auto words = philox({seed, static_cast<std::uint32_t>(PhiloxStream::Initialize)},
                      {static_cast<std::uint32_t>(element),
                       static_cast<std::uint32_t>(element >> 32), parameter, 0});
  // Box-Muller: u in (0, 1], v in [0, 1), 32 random bits each.
  double u = (static_cast<double>(words[0]) + 1) * 0x1p-32;
  double v = static_cast<double>(words[1]) * 0x1p-32;
  return static_cast<float>(std * std::sqrt(-2 * std::log(u)) *
                            std::cos(2 * std::numbers::pi * v));
}

namespace {

/// The adapter's file that training starts from; nothing where the artifact names none.
Result<std::optional<Checkpoint>> openInitialAdapter(const ArtifactReader &artifact) {
  const abi::Adapter *adapter = artifact->adapter();
  if (!adapter || !adapter->file())
    return std::optional<Checkpoint>();
  FTC_ASSIGN_OR_RETURN(Checkpoint opened,
                       Checkpoint::open(joinPath(std::string(text(adapter->path())),
                                                 text(adapter->file()->name()))));
  FTC_RETURN_IF_ERROR(checkHash(opened, 0, *adapter->file(),
                                "; this artifact was compiled from another adapter: compile it "
                                "again"));
  return std::optional<Checkpoint>(std::move(opened));
}

/// Initial values of all parameters, or of the frozen ones alone.
Status loadInitial(Session &session, const std::string &directory, std::uint32_t seed,
                   bool frozenAlone) {
  const ArtifactReader &artifact = *session.artifact;
  std::string path = baseModelPath(artifact, directory);
  Result<std::unique_ptr<WeightSource>> opened = WeightSource::open(path);
  if (!opened)
    return Status::error(opened.status().message() +
                         "; --model_name_or_path says where the checkpoint lies now");
  std::shared_ptr<WeightSource> shared = opened.take();
  WeightSource &checkpoint = *shared;
  FTC_RETURN_IF_ERROR(checkHashes(artifact, checkpoint));
  std::optional<Checkpoint> adapter;
  if (!frozenAlone) {
    FTC_ASSIGN_OR_RETURN(adapter, openInitialAdapter(artifact));
  }
  ParameterLoader loader(session);
  for (std::uint32_t i = 0; i < count(artifact->parameters()); ++i) {
    const abi::Parameter &parameter = *artifact->parameters()->Get(i);
    if (frozenAlone && parameter.trainable())
      continue;
    if (session.demanded.has(i)) {
      FTC_RETURN_IF_ERROR(leaveToDemand(session, i, shared, text(parameter.tensor())));
      continue;
    }
    std::span<float> values = loader.values(i);
    if (parameter.tensor() && parameter.init() == abi::Init::Checkpoint)
      FTC_RETURN_IF_ERROR(readTensor(parameter.from_adapter() ? *adapter : checkpoint,
                                     text(parameter.tensor()), shapeOf(parameter), values));
    else
      initialize(parameter, i, seed, values);
    FTC_RETURN_IF_ERROR(loader.load(i));
  }
  return Status::ok();
}

} // namespace

Status loadInitialWeights(Session &session, const std::string &directory, std::uint32_t seed) {
  return loadInitial(session, directory, seed, /*frozenAlone=*/false);
}

std::string baseModelPath(const ArtifactReader &artifact, const std::string &given) {
  return given.empty() ? std::string(text(artifact->model_path())) : given;
}

Status loadBaseWeights(Session &session, const std::string &directory) {
  if (!hasAdapter(*session.artifact))
    return Status::ok();
  return loadInitial(session, directory, 0, /*frozenAlone=*/true);
}

Status loadModelWeights(Session &session, const std::string &path) {
  const ArtifactReader &artifact = *session.artifact;
  bool adapter = hasAdapter(artifact); // the trained tensors alone, under PEFT's names
  FTC_ASSIGN_OR_RETURN(Checkpoint opened,
                       Checkpoint::open(adapter ? joinPath(path, kAdapterWeights) : path));
  auto checkpoint = std::make_shared<Checkpoint>(std::move(opened));
  ParameterLoader loader(session);
  for (std::uint32_t i = 0; i < count(artifact->parameters()); ++i) {
    const abi::Parameter &parameter = *artifact->parameters()->Get(i);
    if (adapter && !parameter.trainable())
      continue;
    if (session.demanded.has(i)) {
      FTC_RETURN_IF_ERROR(leaveToDemand(
          session, i, checkpoint, (adapter ? kAdapterPrefix : "") + std::string(text(parameter.name()))));
      continue;
    }
    std::span<float> values = loader.values(i);
    if (parameter.init() == abi::Init::Sinusoids) {
      initialize(parameter, i, 0, values);
      FTC_RETURN_IF_ERROR(loader.load(i));
      continue;
    }
    std::string name = (adapter ? kAdapterPrefix : "") + std::string(text(parameter.name()));
    FTC_RETURN_IF_ERROR(readTensor(*checkpoint, name, shapeOf(parameter), values));
    FTC_RETURN_IF_ERROR(loader.load(i));
  }
  return Status::ok();
}

namespace {

/// A tensor of `dtype` and that shape, as bytes.
Status readBytes(const Checkpoint &checkpoint, const std::string &name, DType dtype, Shape shape,
                 std::span<std::byte> out) {
  FTC_ASSIGN_OR_RETURN(const TensorInfo *tensor, findTensor(checkpoint, name, shape));
  if (tensor->dtype != dtype)
    return Status::error(checkpoint.filePath(tensor->file) + ": tensor " + quote(name) +
                         ": expected " + std::string(dtypeName(dtype)) + ", got " +
                         describeTensor(*tensor));
  return checkpoint.read(*tensor, 0, out);
}

/// A moment's canonical bytes.
Status readMoment(const Checkpoint &checkpoint, const std::string &name,
                  const abi::MomentStorage &moment, Shape shape, std::span<std::byte> out) {
  if (moment.dtype() != abi::DType::F32)
    return readBytes(checkpoint, name, DType::U8, shape, out);
  std::span<float> values(reinterpret_cast<float *>(out.data()), out.size() / 4);
  return readTensor(checkpoint, name, shape, values);
}

/// Which rows compact moments have, before they are read.
Status loadTouchedRows(Session &session, const Checkpoint &checkpoint) {
  if (!session.touched)
    return Status::ok();
  const TensorInfo *tensor = checkpoint.find(kTouchedRows);
  if (!tensor || tensor->shape.size() != 1)
    return Status::error(checkpoint.filePath(tensor ? tensor->file : 0) + ": tensor " +
                         quote(kTouchedRows) + ": expected I32 [rows], got " +
                         (tensor ? describeTensor(*tensor) : "none") +
                         "; resume from another checkpoint");
  auto count = static_cast<std::int64_t>(tensor->shape[0]);
  std::vector<std::int32_t> rows(tensor->shape[0]);
  FTC_RETURN_IF_ERROR(readBytes(checkpoint, kTouchedRows, DType::I32, {&count, 1},
                                std::as_writable_bytes(std::span(rows))));
  return session.touched.restore(rows).withContext(checkpoint.filePath(tensor->file) +
                                                   ": tensor " + quote(kTouchedRows));
}

} // namespace

Status loadMoments(Session &session, const std::string &path) {
  Executor &executor = *session.executor;
  if (!executor.has(ParameterSlot::Moments))
    return Status::ok();
  FTC_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(path));
  FTC_RETURN_IF_ERROR(loadTouchedRows(session, checkpoint));
  std::vector<float> buffer; // aligned for floats, bytes where moments are codes
  for (std::uint32_t i = 0; i < count(executor.variant().moments()); ++i) {
    const abi::MomentStorage &moment = *executor.variant().moments()->Get(i);
    auto bytes = static_cast<std::size_t>(executor.momentBytes(i));
    buffer.resize(std::max(buffer.size(), (bytes + 3) / 4));
    std::span<std::byte> values(reinterpret_cast<std::byte *>(buffer.data()), bytes);
    FTC_RETURN_IF_ERROR(
        readMoment(checkpoint, momentName(*session.artifact, moment), moment,
                   executor.momentShape(i), values));
    FTC_RETURN_IF_ERROR(executor.loadMoment(i, values));
  }
  return Status::ok();
}

} // namespace ftc::rt
