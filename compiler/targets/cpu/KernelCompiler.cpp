// Kernels to machine code in process. The expensive LLVM loop transformations are off: bodies
// are vector code.
#include "compiler/targets/cpu/KernelCompiler.h"

#include "compiler/targets/cpu/CodeGenerator.h"
#include "compiler/targets/cpu/KernelBuilder.h"

#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"

#include <mutex>
#include <set>

namespace ftc::cpu {

using namespace mlir;

static void optimize(llvm::Module &module, llvm::PassBuilder &,
                     llvm::ModuleAnalysisManager &modules) {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::LoopSimplifyPass());
  passes.addPass(llvm::LCSSAPass());
  llvm::LoopPassManager loopPasses;
  loopPasses.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loopPasses),
                                                       /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::DCEPass());
  llvm::ModulePassManager modulePasses;
  modulePasses.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  modulePasses.run(module, modules);
}

static void describe(llvm::Module &module, const CpuIsa &isa) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    // No loop may become a call of memset or memcpy: the object has no undefined symbols.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (isa.lanes == 16) {
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
    }
  }
}

static llvm::Expected<std::string> compile(const std::vector<KernelSpec> &kernels,
                                           const CpuIsa &isa, llvm::CodeGenFileType type) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
  MLIRContext context(MLIRContext::Threading::DISABLED);
  prepareKernelContext(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  KernelBuilder builder(*module, isa);
  std::set<std::string> names;
  for (const KernelSpec &kernel : kernels) {
    std::string name = kernel->key(isa);
    if (!names.insert(name).second)
      continue;
    builder.open(name);
    kernel->emit(builder);
    builder.close();
  }
  CodeGeneration how{"cpu kernels", "x86-64",
                     makeMachine("x86_64-unknown-linux-gnu", isa.llvmCpu, isa.llvmFeatures,
                                 llvm::Reloc::PIC_, llvm::CodeModel::Small),
                     type};
  how.describe = [&](llvm::Module &code) { describe(code, isa); };
  how.optimize = optimize;
  return generateCode(*module, how);
}

llvm::Expected<std::string> compileKernels(const std::vector<KernelSpec> &kernels,
                                           const CpuIsa &isa) {
  return compile(kernels, isa, llvm::CodeGenFileType::ObjectFile);
}

llvm::Expected<std::string> compileKernelsToAssembly(const std::vector<KernelSpec> &kernels,
                                                     const CpuIsa &isa) {
  return compile(kernels, isa, llvm::CodeGenFileType::AssemblyFile);
}

} // namespace ftc::cpu
