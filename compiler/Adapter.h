// LoRA at compile time: PEFT's defaults, PEFT adapters as input, and the adapter_config.json
// that an artifact's runs write.
#pragma once

#include "compiler/Pipeline.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace ftc {

/// LoRA's flags as given; what is absent comes from the adapter or is PEFT's default.
struct LoraFlags {
  std::optional<std::int64_t> r;
  std::optional<double> alpha, dropout;
  std::vector<std::string> targetModules, modulesToSave;
  bool any() const {
    return r || alpha || dropout || !targetModules.empty() || !modulesToSave.empty();
  }
};

/// A PEFT adapter's directory: adapter_config.json and adapter_model.safetensors.
struct AdapterSource {
  std::string path;     ///< as the user named it
  std::string basePath; ///< the directory of the model it adapts
  LoraOptions lora;     ///< its settings
  rt::Checkpoint tensors;
};

/// Whether `directory` holds a PEFT adapter and no whole model.
bool isAdapterDirectory(const std::string &directory);

/// The directory of the model that it adapts, resolved; where there is none, what its
/// configuration calls that model; empty where it names none.
std::string adapterBaseName(const std::string &directory);

/// The task as PEFT has it: a decoder alone that writes a target is a causal model to it.
std::string peftTaskName(const std::string &task, llvm::StringRef modelType);

/// Reads an adapter for `task` (Hugging Face's tag). Its base model lies in `basePath`, or,
/// when that is empty, where its configuration says: as written, else from the adapter's
/// directory. Fails with one line on what is no plain LoRA.
rt::Result<AdapterSource> readAdapter(const std::string &directory, const std::string &task,
                                      const std::string &basePath);

/// Settles LoRA's settings: the adapter's where there is one (flags may only repeat them;
/// dropout is free), else the flags, then PEFT's defaults for `modelType` and `task`.
rt::Result<LoraOptions> settleLora(const LoraFlags &flags, const AdapterSource *adapter,
                                   const std::string &modelType, const std::string &task);

/// After the method phase: each --modules_to_save of `flags` must have matched a parameter, and
/// with an adapter each trained parameter gets its tensor, each tensor its parameter.
rt::Status bindAdapter(mlir::ModuleOp module, const LoraFlags &flags,
                       const AdapterSource *adapter);

/// adapter_config.json with PEFT's keys. `module` is the method phase's result.
std::string adapterConfig(mlir::ModuleOp module, const LoraOptions &lora,
                          const std::string &basePath, const std::string &task);

} // namespace ftc
