// A training state small enough to save a thousand times: weights, a moment and a text, all a
// function of the step.
#pragma once

#include "runtime/checkpoint/Checkpoints.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <cstring>
#include <string>
#include <vector>

namespace ftc::test {

inline std::vector<float> stateValues(std::int64_t step) {
  std::vector<float> values(700);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(step) + 0.1f * static_cast<float>(i);
  return values;
}

inline std::vector<rt::TensorSource> stateTensors(const std::vector<float> &values) {
  return {{"a.weight", rt::DType::F32, {7, 50}, values.data(), {}},
          {"b.weight", rt::DType::F32, {350}, values.data() + 350, {}}};
}

inline rt::Status saveState(const std::string &dir, std::int64_t step) {
  std::vector<float> values = stateValues(step);
  std::vector<rt::TensorSource> tensors = stateTensors(values);
  FTC_ASSIGN_OR_RETURN(rt::CheckpointWriter writer,
                       rt::CheckpointWriter::begin(dir, step, std::string(64, 'a')));
  FTC_RETURN_IF_ERROR(writer.addTensors("model.safetensors", tensors));
  FTC_RETURN_IF_ERROR(writer.addTensors("optimizer.safetensors", tensors));
  FTC_RETURN_IF_ERROR(writer.addFile("trainer_state.json", std::to_string(step)));
  return writer.commit();
}

/// Checks that the newest checkpoint holds its step's values bit for bit.
inline rt::Status loadState(const std::string &dir) {
  FTC_RETURN_IF_ERROR(rt::removeHalfWritten(dir));
  FTC_ASSIGN_OR_RETURN(rt::NewestCheckpoint newest, rt::findNewestCheckpoint(dir));
  if (!newest.step)
    return rt::Status::error("no checkpoint in " + rt::quote(dir) + " could be read: " +
                             (newest.warnings.empty() ? "none there" : newest.warnings[0]));
  std::vector<float> expected = stateValues(*newest.step), values(700);
  for (const char *name : {"model.safetensors", "optimizer.safetensors"}) {
    FTC_ASSIGN_OR_RETURN(rt::Checkpoint file,
                         rt::Checkpoint::open(rt::joinPath(newest.path, name)));
    const rt::TensorInfo *a = file.find("a.weight"), *b = file.find("b.weight");
    if (!a || !b)
      return rt::Status::error("tensors are missing");
    FTC_RETURN_IF_ERROR(file.readAsF32(*a, values.data()));
    FTC_RETURN_IF_ERROR(file.readAsF32(*b, values.data() + 350));
    FTC_ASSIGN_OR_RETURN(std::span<const std::byte> bytes, file.data(*b));
    if (std::memcmp(values.data(), expected.data(), 2800) != 0 ||
        std::memcmp(bytes.data(), expected.data() + 350, 1400) != 0)
      return rt::Status::error("the values are not those that were saved");
  }
  return rt::Status::ok();
}

/// What an export does: files replaced atomically, one after the other.
inline rt::Status exportState(const std::string &dir, std::int64_t step) {
  std::vector<float> values = stateValues(step);
  FTC_RETURN_IF_ERROR(
      rt::writeFileAtomic(rt::joinPath(dir, "config.json"), std::to_string(step)));
  return rt::saveSafeTensors(rt::joinPath(dir, "model.safetensors"), stateTensors(values));
}

} // namespace ftc::test
