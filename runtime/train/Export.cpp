// Weights stream from the device range by range, so that no copy of them is held.
#include "runtime/train/Export.h"

#include "runtime/support/FileSystem.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/TaskSettings.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace ftc::rt {

Result<std::optional<AtomicFile>> copyArtifact(const Session &session,
                                               const std::string &directory) {
  std::string there = joinPath(directory, "step.ftb");
  const std::string &own = session.artifact->name();
  if (isSameFile(own, there))
    return std::optional<AtomicFile>();
  FTC_ASSIGN_OR_RETURN(File source, File::open(own));
  FTC_ASSIGN_OR_RETURN(AtomicFile target, AtomicFile::create(there, source.size()));
  std::vector<char> buffer(1 << 20);
  for (std::uint64_t at = 0; at < source.size(); at += buffer.size()) {
    std::size_t part = std::min<std::uint64_t>(buffer.size(), source.size() - at);
    FTC_RETURN_IF_ERROR(source.readAt(at, buffer.data(), part));
    FTC_RETURN_IF_ERROR(target.write(buffer.data(), part));
  }
  return std::optional<AtomicFile>(std::move(target));
}

std::vector<TensorSource> parameterTensors(Session &session, ParameterSlot slot) {
  const ArtifactReader &artifact = *session.artifact;
  Executor *executor = session.executor.get();
  const DemandedRows *demanded = &session.demanded;
  std::vector<TensorSource> tensors;
  for (std::uint32_t i = 0; i < count(artifact->parameters()); ++i) {
    const abi::Parameter &parameter = *artifact->parameters()->Get(i);
    if ((slot != ParameterSlot::Params && !parameter.trainable()) ||
        parameter.init() == abi::Init::Sinusoids)
      continue;
    TensorSource tensor;
    tensor.name = std::string(text(parameter.name()));
    tensor.dtype = DType::F32;
    for (std::int64_t size : *parameter.shape())
      tensor.shape.push_back(static_cast<std::uint64_t>(size));
    bool byRows = slot == ParameterSlot::Params && demanded->has(i);
    tensor.fill = [=](std::uint64_t firstByte, std::span<std::byte> out) {
      std::span<float> values(reinterpret_cast<float *>(out.data()), out.size() / 4);
      auto first = static_cast<std::int64_t>(firstByte / 4);
      return byRows ? demanded->storeRange(i, first, values)
                    : executor->storeParameterRange(i, first, values, slot);
    };
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string momentName(const ArtifactReader &artifact, const abi::MomentStorage &moment) {
  const abi::Parameter &parameter = *artifact->parameters()->Get(moment.parameter());
  return std::string(text(parameter.name())) + ".moment" + std::to_string(moment.index());
}

std::vector<TensorSource> momentTensors(Session &session) {
  Executor *executor = session.executor.get();
  std::vector<TensorSource> tensors;
  if (!executor->has(ParameterSlot::Moments))
    return tensors;
  if (std::span<const std::int32_t> rows = session.touched.rows(); session.touched)
    tensors.push_back({kTouchedRows, DType::I32, {rows.size()}, rows.data(), {}});
  for (std::uint32_t i = 0; i < count(executor->variant().moments()); ++i) {
    const abi::MomentStorage &moment = *executor->variant().moments()->Get(i);
    TensorSource tensor;
    tensor.name = momentName(*session.artifact, moment);
    tensor.dtype = moment.dtype() == abi::DType::U8 ? DType::U8 : DType::F32;
    for (std::int64_t size : executor->momentShape(i))
      tensor.shape.push_back(static_cast<std::uint64_t>(size));
    tensor.fill = [=](std::uint64_t firstByte, std::span<std::byte> out) {
      return executor->storeMomentRange(i, firstByte, out);
    };
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// Hugging Face's name of the settings of generation.
static constexpr const char *kGenerationConfig = "generation_config.json";

static Status writeModel(Session &session, const std::string &directory, bool withArtifact,
                         AdapterForm form) {
  const ArtifactReader &artifact = *session.artifact;
  bool apart = hasAdapter(artifact) && form == AdapterForm::Apart;
  for (const auto &[name, bytes] : session.tokenizerFiles)
    FTC_RETURN_IF_ERROR(writeFileAtomic(joinPath(directory, name), bytes));
  if (withArtifact && !isFile(joinPath(directory, "step.ftb"))) {
    FTC_ASSIGN_OR_RETURN(std::optional<AtomicFile> copy, copyArtifact(session, directory));
    if (copy)
      FTC_RETURN_IF_ERROR(copy->commit());
  }
  FTC_RETURN_IF_ERROR(
      writeFileAtomic(joinPath(directory, "config.json"), text(artifact->config_json())));
  if (withArtifact && session.task->hasTargetText())
    FTC_RETURN_IF_ERROR(
        writeFileAtomic(joinPath(directory, kTaskSettings), taskSettingsText(session)));
  // Of another model that lay here: files that would be read as this one's.
  for (std::string_view name : tokenizerFileNames())
    if (std::none_of(session.tokenizerFiles.begin(), session.tokenizerFiles.end(),
                     [&](const auto &file) { return file.first == name; }))
      FTC_RETURN_IF_ERROR(removeFile(joinPath(directory, name)));
  std::string_view generation =
      artifact->generation() && !apart ? text(artifact->generation()->config_json()) : "";
  std::string generationPath = joinPath(directory, kGenerationConfig);
  FTC_RETURN_IF_ERROR(generation.empty() ? removeFile(generationPath)
                                         : writeFileAtomic(generationPath, generation));
  if (apart) {
    FTC_RETURN_IF_ERROR(writeFileAtomic(joinPath(directory, kAdapterConfig),
                                        text(artifact->adapter()->config_json())));
    FTC_RETURN_IF_ERROR(
        saveSafeTensors(joinPath(directory, kAdapterWeights), adapterTensors(session)));
    return removeFile(joinPath(directory, "model.safetensors"));
  }
  std::vector<TensorSource> tensors = parameterTensors(session, ParameterSlot::Params);
  if (hasAdapter(artifact)) {
    FTC_ASSIGN_OR_RETURN(tensors, mergedTensors(session));
  }
  FTC_RETURN_IF_ERROR(saveSafeTensors(joinPath(directory, "model.safetensors"), tensors));
  FTC_RETURN_IF_ERROR(removeFile(joinPath(directory, kAdapterConfig)));
  return removeFile(joinPath(directory, kAdapterWeights));
}

Status exportModel(Session &session, const std::string &directory, bool withArtifact,
                   AdapterForm form) {
  std::vector<std::string> fresh;
  auto note = [&](std::string_view name) {
    std::string path = joinPath(directory, name);
    if (pathKind(path) == PathKind::Missing)
      fresh.push_back(std::move(path));
  };
  for (const auto &[name, bytes] : session.tokenizerFiles)
    note(name);
  for (const char *name :
       {"step.ftb", "config.json", "model.safetensors", kAdapterConfig, kAdapterWeights,
        kTaskSettings, kGenerationConfig})
    note(name);
  Status status = writeModel(session, directory, withArtifact, form);
  if (!status)
    for (const std::string &path : fresh)
      (void)removeFile(path);
  return status;
}

} // namespace ftc::rt
