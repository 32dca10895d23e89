// Loading a pass plugin, and which phases it has something to add to.
#include "compiler/PassPlugin.h"

#include "compiler/Pipeline.h"
#include "compiler/plugins/PluginFile.h"
#include "runtime/support/Text.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace ftc {

static rt::Status refused(const std::string &file, const std::string &why) {
  return rt::Status::error("--pass_plugin: " + rt::quote(file, 160) + ": " + why);
}

/// What the loader says, with the file's name where it says the whole path, and that twice.
static std::string loaderReason(llvm::Error error, llvm::StringRef path) {
  std::string text = llvm::toString(std::move(error));
  std::string name = rt::escape(llvm::sys::path::filename(path).str(), 60);
  for (std::size_t at = 0; (at = text.find(path, at)) != std::string::npos; at += name.size())
    text.replace(at, path.size(), name);
  return text;
}

rt::Result<std::vector<std::string>> loadPassPlugin(const std::string &file) {
  if (llvm::Error error = checkPluginFile(file))
    return refused(file, llvm::toString(std::move(error)));
  // The loader looks for a name without a slash where libraries of the system lie.
  llvm::SmallString<256> path(file);
  llvm::sys::fs::make_absolute(path);
  llvm::Expected<mlir::PassPlugin> plugin = mlir::PassPlugin::load(path.str().str());
  if (!plugin)
    return refused(file, "expected a plugin of mlirGetPassPluginInfo for MLIR 22: " +
                             loaderReason(plugin.takeError(), path));
  plugin->registerPassRegistryCallbacks();
  std::vector<std::string> found, all = pluginPhases();
  for (const std::string &phase : all)
    if (mlir::PassPipelineInfo::lookup(pluginPipeline(phase)))
      found.push_back(phase);
  if (found.empty())
    return refused(file, "it registers no pipeline that a phase would run; expected " +
                             pluginPipeline("PHASE") + ", of " + llvm::join(all, ", "));
  return found;
}

} // namespace ftc
