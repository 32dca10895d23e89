// Loading a pass plugin, and which phases it has something to add to.
#include "compiler/PassPlugin.h"

#include "compiler/Pipeline.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace ftc {

static rt::Status refused(const std::string &file, const std::string &why) {
  return rt::Status::error("--pass_plugin: '" + file + "': " + why);
}

/// Whether the file holds all that its ELF headers promise: the loader maps one that was cut
/// short and touches what is not there, which ends the process with SIGBUS.
static rt::Status checkWhole(const std::string &file) {
  auto read = llvm::MemoryBuffer::getFile(file, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!read)
    return refused(file, read.getError().message());
  llvm::StringRef bytes = (*read)->getBuffer();
  if (!bytes.starts_with(llvm::ELF::ElfMagic))
    return refused(file, "expected a shared library, got a file of another kind");
  auto elf = llvm::object::ELF64LEFile::create(bytes);
  auto segments = elf ? elf->program_headers() : elf.takeError();
  bool whole = segments && llvm::all_of(*segments, [&](const auto &segment) {
                 return segment.p_offset <= bytes.size() &&
                        segment.p_filesz <= bytes.size() - segment.p_offset;
               });
  llvm::consumeError(segments.takeError());
  return whole ? rt::Status() : refused(file, "expected a shared library, got one cut short");
}

rt::Result<std::vector<std::string>> loadPassPlugin(const std::string &file) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(file, status))
    return refused(file, error.message());
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return refused(file, "expected a shared library");
  FTC_RETURN_IF_ERROR(checkWhole(file));
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
