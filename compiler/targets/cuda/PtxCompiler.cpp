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

static llvm::Expected<OwningOpRef<ModuleOp>> emit(const std::vector<LaunchedKernel> &kernels,
                                                  const GpuArch &arch, MLIRContext &context) {
  cpu::prepareKernelContext(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  declareSharedMemory(*module);
  KernelBuilder builder(*module, arch);
  std::map<std::string, KernelSignature> seen;
  for (const auto &[kernel, signature] : kernels) {
    std::string name = kernel->key(arch);
    auto [entry, fresh] = seen.try_emplace(name, signature);
    if (!fresh) {
      if (entry->second == signature)
        continue;
      return failure("'" + name + "' is launched with two numbers of operands");
    }
    std::int64_t shared = sharedBytesOf(*kernel, arch), limit = limitsOf(arch).sharedPerBlock;
    if (shared > limit)
      return failure("'" + name + "' takes " + llvm::Twine(shared) +
                     " bytes of shared memory, " + arch.name + " has " + llvm::Twine(limit) +
                     " a block; shorten what it works "
                     "on at once (--max_seq_length)");
    builder.open(name);
    bool onWarp = !dynamic_cast<const BlockKernel *>(kernel.get());
    if (onWarp)
      clearScratch(builder, shared);
    kernel->emit(builder);
    builder.close();
    auto function = module->lookupSymbol<func::FuncOp>(name);
    makeEntry(function, signature);
    if (onWarp && failed(distributeOverLanes(function)))
      return failure("'" + name + "' cannot run on a warp");
  }
  return module;
}

/// Marks entry points and bounds their threads.
static void describe(llvm::Module &module, const std::vector<LaunchedKernel> &kernels,
                     const GpuArch &arch) {
  for (const LaunchedKernel &launched : kernels) {
    llvm::Function *function = module.getFunction(launched.kernel->key(arch));
    function->setCallingConv(llvm::CallingConv::PTX_Kernel);
    function->addFnAttr("nvvm.maxntid", std::to_string(threadsOf(*launched.kernel)));
    function->addFnAttr("no-builtins");
    // Without it ptxas keeps registers below what a block may have, and spills.
    auto *block = dynamic_cast<const BlockKernel *>(launched.kernel.get());
    function->addFnAttr("nvvm.minctasm", std::to_string(block ? block->residentBlocks() : 1));
  }
}

/// How NVPTX's code is made of the kernels' module; both must outlive it.
static cpu::CodeGeneration generation(const std::vector<LaunchedKernel> &kernels,
                                      const GpuArch &arch) {
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
  how.describe = [&](llvm::Module &code) { describe(code, kernels, arch); };
  how.optimize = [](llvm::Module &code, llvm::PassBuilder &builder,
                    llvm::ModuleAnalysisManager &modules) {
    builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(code, modules);
  };
  return how;
}

llvm::Expected<std::string> compileToPtx(const std::vector<LaunchedKernel> &kernels,
                                         const GpuArch &arch) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  llvm::Expected<OwningOpRef<ModuleOp>> module = emit(kernels, arch, context);
  if (!module)
    return module.takeError();
  return cpu::generateCode(**module, generation(kernels, arch));
}

llvm::Expected<std::unique_ptr<llvm::Module>>
compileToNvvmIr(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
                llvm::LLVMContext &ir) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  llvm::Expected<OwningOpRef<ModuleOp>> module = emit(kernels, arch, context);
  if (!module)
    return module.takeError();
  return cpu::generateIr(**module, generation(kernels, arch), ir);
}

} // namespace ftc::cuda
