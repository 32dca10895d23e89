// Paths are compared as files, so that links and "./x" are seen through.
#include "tools/flags/OutputFlag.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <algorithm>

namespace ftc::cli {

static bool isModelFile(std::string_view name) {
  for (std::string_view suffix : {".safetensors", ".safetensors.index.json", ".gguf"})
    if (name.ends_with(suffix))
      return true;
  auto names = rt::tokenizerFileNames();
  // With what ftrt run writes beside a model, but for its artifact: ftc compile makes that
  // anew.
  for (std::string_view known :
       {"config.json", "generation_config.json", "adapter_config.json", "task_settings.json",
        "trainer_state.json", "ftrt_state.json", "manifest.json"})
    if (name == known)
      return true;
  return std::find(names.begin(), names.end(), name) != names.end();
}

rt::Status checkOutputFlag(std::string_view flag, const std::string &path,
                           std::span<const std::string> inputs) {
  std::string where = "--" + std::string(flag);
  FTC_RETURN_IF_ERROR(rt::checkWritableFile(path).withContext(where));
  if (!rt::isFile(path))
    return {};
  for (const std::string &input : inputs) {
    bool same = rt::isFile(input) && rt::isSameFile(input, path);
    bool inside = rt::isDirectory(input) && isModelFile(rt::baseName(path)) &&
                  rt::isSameFile(input, rt::parentDirectory(path));
    if (same || inside)
      return rt::Status::usage(where +
                               ": expected another file than those that are read, got " +
                               rt::quote(path, 200) + (inside ? ", a file of the model" : ""));
  }
  return {};
}

} // namespace ftc::cli
