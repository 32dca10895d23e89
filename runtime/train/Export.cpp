// Weights stream from the device one parameter at a time: the writer asks front to back.
#include "runtime/train/Export.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/File.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace ftc::rt {

namespace {

/// The parameter that was asked for last, in canonical form.
struct ParameterWindow {
  Executor *executor = nullptr;
  ParameterSlot slot = ParameterSlot::Params;
  std::uint32_t moment = 0;
  std::vector<float> values;
  std::int64_t held = -1;

  Status fill(std::uint32_t index, std::uint64_t firstByte, std::span<std::byte> out) {
    if (held != static_cast<std::int64_t>(index)) {
      values.resize(executor->parameterElements(index));
      FTC_RETURN_IF_ERROR(executor->storeParameter(index, values, slot, moment));
      held = index;
    }
    std::memcpy(out.data(), reinterpret_cast<const std::byte *>(values.data()) + firstByte,
                out.size());
    return Status::ok();
  }
};

Status copyFile(const std::string &from, const std::string &to) {
  FTC_ASSIGN_OR_RETURN(File source, File::open(from));
  FTC_ASSIGN_OR_RETURN(AtomicFile target, AtomicFile::create(to, source.size()));
  std::vector<char> buffer(1 << 20);
  for (std::uint64_t at = 0; at < source.size(); at += buffer.size()) {
    std::size_t part = std::min<std::uint64_t>(buffer.size(), source.size() - at);
    FTC_RETURN_IF_ERROR(source.readAt(at, buffer.data(), part));
    FTC_RETURN_IF_ERROR(target.write(buffer.data(), part));
  }
  return target.commit();
}

} // namespace

std::vector<TensorSource> parameterTensors(Session &session, ParameterSlot slot,
                                           std::uint32_t moment, const std::string &suffix) {
  const ArtifactReader &artifact = *session.artifact;
  auto window = std::make_shared<ParameterWindow>();
  window->executor = session.executor.get();
  window->slot = slot;
  window->moment = moment;
  std::vector<TensorSource> tensors;
  for (std::uint32_t i = 0; i < count(artifact->parameters()); ++i) {
    const abi::Parameter &parameter = *artifact->parameters()->Get(i);
    if (slot != ParameterSlot::Params && !parameter.trainable())
      continue;
    TensorSource tensor;
    tensor.name = std::string(text(parameter.name())) + suffix;
    tensor.dtype = DType::F32;
    for (std::int64_t size : *parameter.shape())
      tensor.shape.push_back(static_cast<std::uint64_t>(size));
    tensor.fill = [window, i](std::uint64_t firstByte, std::span<std::byte> out) {
      return window->fill(i, firstByte, out);
    };
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Status exportModel(Session &session, const std::string &directory, bool withArtifact) {
  const ArtifactReader &artifact = *session.artifact;
  for (const auto &[name, bytes] : session.tokenizerFiles)
    FTC_RETURN_IF_ERROR(writeFileAtomic(joinPath(directory, name), bytes));
  if (withArtifact)
    FTC_RETURN_IF_ERROR(copyFile(artifact.name(), joinPath(directory, "step.ftb")));
  FTC_RETURN_IF_ERROR(
      writeFileAtomic(joinPath(directory, "config.json"), text(artifact->config_json())));
  return saveSafeTensors(joinPath(directory, "model.safetensors"),
                         parameterTensors(session, ParameterSlot::Params));
}

} // namespace ftc::rt
