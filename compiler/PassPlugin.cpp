// Loading a pass plugin, and which phases it has something to add to.
#include "compiler/PassPlugin.h"

#include "compiler/Pipeline.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

namespace ftc {

static rt::Status refused(const std::string &file, const std::string &why) {
  return rt::Status::error("--pass_plugin: '" + file + "': " + why);
}

rt::Result<std::vector<std::string>> loadPassPlugin(const std::string &file) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(file, status))
    return refused(file, error.message());
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return refused(file, "expected a shared library");
  // The loader looks for a name without a slash where libraries of the system lie.
  llvm::SmallString<256> path(file);
  llvm::sys::fs::make_absolute(path);
  llvm::Expected<mlir::PassPlugin> plugin = mlir::PassPlugin::load(path.str().str());
  if (!plugin)
    return refused(file, "expected a plugin of mlirGetPassPluginInfo for MLIR 22: " +
                             llvm::toString(plugin.takeError()));
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
