// Kernels to PTX: emit, give each its entry point, distribute vectors over a warp, then MLIR's
// conversions and LLVM's code generator.
#include "compiler/targets/cuda/PtxCompiler.h"

#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cuda/BlockKernel.h"
#include "compiler/targets/cuda/WarpLanes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

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

static llvm::Error emit(ModuleOp module, const std::vector<LaunchedKernel> &kernels,
                        const GpuArch &arch) {
  declareSharedMemory(module);
  KernelBuilder builder(module, arch);
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
    auto function = module.lookupSymbol<func::FuncOp>(name);
    makeEntry(function, signature);
    if (onWarp && failed(distributeOverLanes(function)))
      return failure("'" + name + "' cannot run on a warp");
  }
  if (failed(verify(module)))
    return failure("an emitted kernel is not valid IR");
  return llvm::Error::success();
}

static llvm::Error lowerToLLVMDialect(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    return failure("lowering to the LLVM dialect failed");
  return llvm::Error::success();
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const GpuArch &arch) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // only where a kernel says fma
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, arch.llvmCpu, arch.llvmFeatures, options,
                                  std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Default));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
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
    function->addFnAttr("nvvm.minctasm", "1");
  }
}

llvm::Expected<std::string> compileToPtx(const std::vector<LaunchedKernel> &kernels,
                                         const GpuArch &arch) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  cpu::prepareKernelContext(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  if (llvm::Error error = emit(*module, kernels, arch))
    return std::move(error);
  if (llvm::Error error = lowerToLLVMDialect(*module))
    return std::move(error);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext, "kernels");
  if (!code)
    return failure("translation to LLVM IR failed");
  std::unique_ptr<llvm::TargetMachine> machine = makeMachine(arch);
  if (!machine)
    return failure("this LLVM has no NVPTX code generator");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  describe(*code, kernels, arch);
  optimize(*code, *machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return failure("the code generator cannot write PTX");
  codegen.run(*code);
  return std::string(bytes.begin(), bytes.end());
}

} // namespace ftc::cuda
