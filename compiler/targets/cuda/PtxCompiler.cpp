// Kernels to PTX: emit, give each its entry point, distribute vectors over a warp, generate
// code.
#include "compiler/targets/cuda/PtxCompiler.h"

#include "compiler/targets/cpu/CodeGenerator.h"
#include "compiler/targets/cuda/BlockKernel.h"
#include "compiler/targets/cuda/WarpLanes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include "llvm/Support/TargetSelect.h"

#include <mutex>

namespace ftc::cuda {

using namespace mlir;

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("cuda kernels: " + message);
}

int threadsOf(const cpu::Kernel &kernel) {
  auto *block = dynamic_cast<const BlockKernel *>(&kernel);
  return block ? block->threads() : 32;
}

std::int64_t sharedBytesOf(const cpu::Kernel &kernel, const GpuArch &arch) {
  auto *block = dynamic_cast<const BlockKernel *>(&kernel);
  return block ? block->sharedBytes() : (kernel.scratchBytes(arch) + 127) / 128 * 128;
}

int residentBlocksOf(const cpu::Kernel &kernel) {
  auto *block = dynamic_cast<const BlockKernel *>(&kernel);
  return block ? block->residentBlocks() : 1;
}

static int mostRegistersOf(const cpu::Kernel &kernel) {
  auto *block = dynamic_cast<const BlockKernel *>(&kernel);
  return block ? block->mostRegisters() : 0;
}

static bool runsOnWarp(const cpu::Kernel &kernel) {
  return !dynamic_cast<const BlockKernel *>(&kernel);
}

static void declareSharedMemory(ModuleOp module) {
  OpBuilder builder(module.getBodyRegion());
  auto global = LLVM::GlobalOp::create(
      builder, module.getLoc(), LLVM::LLVMArrayType::get(builder.getI8Type(), 0),
      /*isConstant=*/false, LLVM::Linkage::External, kSharedMemory, Attribute(),
      /*alignment=*/128, /*addrSpace=*/3);
  (void)global;
}

/// Vector kernels load whole vectors where fewer lanes were written, and drop the rest: on a
/// GPU that is a read of memory without a value, which its checkers report.
static void clearScratch(KernelBuilder &b, std::int64_t bytes) {
  if (bytes > 0)
    b.loop(0, bytes / 4, b.isa.lanes,
           [&](Num at) { b.storeVector(b.vec(0), b.scratch()[at]); });
}

/// Emits `kernel` as the function `name`.
static llvm::Expected<func::FuncOp> emit(KernelBuilder &builder, ModuleOp module,
                                         const cpu::Kernel &kernel, const std::string &name,
                                         const GpuArch &arch) {
  std::int64_t shared = sharedBytesOf(kernel, arch), limit = limitsOf(arch).sharedPerBlock;
  if (shared > limit)
    return failure("'" + name + "' takes " + llvm::Twine(shared) + " bytes of shared memory, " +
                   arch.name + " has " + llvm::Twine(limit) +
                   " a block; shorten what it works "
                   "on at once (--max_seq_length)");
  builder.open(name);
  if (runsOnWarp(kernel))
    clearScratch(builder, shared);
  kernel.emit(builder);
  builder.close();
  return module.lookupSymbol<func::FuncOp>(name);
}

static llvm::Error emitKernels(KernelBuilder &builder, ModuleOp module,
                               const std::vector<LaunchedKernel> &kernels,
                               const GpuArch &arch) {
  std::map<std::string, KernelSignature> seen;
  for (const auto &[kernel, signature] : kernels) {
    std::string name = kernel->key(arch);
    auto [entry, fresh] = seen.try_emplace(name, signature);
    if (!fresh) {
      if (entry->second == signature)
        continue;
      return failure("'" + name + "' is launched with two numbers of operands");
    }
    llvm::Expected<func::FuncOp> function = emit(builder, module, *kernel, name, arch);
    if (!function)
      return function.takeError();
    makeEntry(*function, signature);
    if (runsOnWarp(*kernel) && mlir::failed(distributeOverLanes(*function)))
      return failure("'" + name + "' cannot run on a warp");
  }
  return llvm::Error::success();
}

static llvm::Error emitGroup(KernelBuilder &builder, ModuleOp module,
                             const LaunchedGroup &group, const GpuArch &arch) {
  std::vector<GroupRun> runs;
  const cpu::Kernel &first = *group.runs.front().launched.kernel;
  for (const auto &[launched, count] : group.runs) {
    if (threadsOf(*launched.kernel) != threadsOf(first) ||
        runsOnWarp(*launched.kernel) != runsOnWarp(first))
      return failure("'" + group.name + "' has kernels of two numbers of threads");
    std::string name = group.name + "_run" + std::to_string(runs.size());
    builder.inGroup = true;
    llvm::Expected<func::FuncOp> function = emit(builder, module, *launched.kernel, name, arch);
    builder.inGroup = false;
    if (!function)
      return function.takeError();
    runs.push_back({*function, launched.signature, count, !runsOnWarp(*launched.kernel)});
  }
  func::FuncOp entry = makeGroupEntry(group.name, runs);
  if (runsOnWarp(first) && mlir::failed(distributeOverLanes(entry)))
    return failure("'" + group.name + "' cannot run on a warp");
  return llvm::Error::success();
}

/// Marks an entry point, of a kernel or a group that begins with it, and bounds its threads.
static void describe(llvm::Function *function, const cpu::Kernel &kernel) {
  function->setCallingConv(llvm::CallingConv::PTX_Kernel);
  function->addFnAttr("nvvm.maxntid", std::to_string(threadsOf(kernel)));
  function->addFnAttr("no-builtins");
  // Without a bound ptxas keeps registers below what a block may have, and spills; of the two it
  // heeds the blocks'.
  if (int most = mostRegistersOf(kernel))
    function->addFnAttr("nvvm.maxnreg", std::to_string(most));
  else
    function->addFnAttr("nvvm.minctasm", std::to_string(residentBlocksOf(kernel)));
}

/// The module of all kernels and groups.
static llvm::Expected<OwningOpRef<ModuleOp>>
emitModule(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
           const std::vector<LaunchedGroup> &groups, MLIRContext &context) {
  cpu::prepareKernelContext(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  declareSharedMemory(*module);
  KernelBuilder builder(*module, arch);
  if (llvm::Error error = emitKernels(builder, *module, kernels, arch))
    return std::move(error);
  for (const LaunchedGroup &group : groups)
    if (llvm::Error error = emitGroup(builder, *module, group, arch))
      return std::move(error);
  return module;
}

/// How NVPTX's code is made of that module; all three must outlive it.
static cpu::CodeGeneration generation(const std::vector<LaunchedKernel> &kernels,
                                      const GpuArch &arch,
                                      const std::vector<LaunchedGroup> &groups) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  cpu::CodeGeneration how{
      "cuda kernels", "NVPTX",
      cpu::makeMachine("nvptx64-nvidia-cuda", arch.llvmCpu, arch.llvmFeatures),
      llvm::CodeGenFileType::AssemblyFile};
  how.vectors = false; // every vector is spread over a warp's lanes
  how.tuning.LoopVectorization = how.tuning.SLPVectorization = how.tuning.LoopUnrolling = false;
  how.describe = [&](llvm::Module &code) {
    for (const LaunchedKernel &launched : kernels)
      describe(code.getFunction(launched.kernel->key(arch)), *launched.kernel);
    for (const LaunchedGroup &group : groups)
      describe(code.getFunction(group.name), *group.runs.front().launched.kernel);
  };
  how.optimize = [](llvm::Module &code, llvm::PassBuilder &builder,
                    llvm::ModuleAnalysisManager &modules) {
    builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(code, modules);
  };
  return how;
}

llvm::Expected<std::string> compileToPtx(const std::vector<LaunchedKernel> &kernels,
                                         const GpuArch &arch,
                                         const std::vector<LaunchedGroup> &groups) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  llvm::Expected<OwningOpRef<ModuleOp>> module = emitModule(kernels, arch, groups, context);
  if (!module)
    return module.takeError();
  return cpu::generateCode(**module, generation(kernels, arch, groups));
}

llvm::Expected<std::unique_ptr<llvm::Module>>
compileToNvvmIr(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
                llvm::LLVMContext &ir, const std::vector<LaunchedGroup> &groups) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  llvm::Expected<OwningOpRef<ModuleOp>> module = emitModule(kernels, arch, groups, context);
  if (!module)
    return module.takeError();
  return cpu::generateIr(**module, generation(kernels, arch, groups), ir);
}

} // namespace ftc::cuda
