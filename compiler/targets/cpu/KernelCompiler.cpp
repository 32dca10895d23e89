// Kernels to machine code in process: emit, lower to the LLVM dialect, optimize lightly,
// generate code. The expensive LLVM loop transformations are off: bodies are vector code.
#include "compiler/targets/cpu/KernelCompiler.h"

#include "compiler/targets/cpu/KernelBuilder.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
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

void prepareKernelContext(MLIRContext &context) {
  DialectRegistry registry;
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
              math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("cpu kernels: " + message);
}

static llvm::Error lowerToLLVMDialect(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.enableVerifier(true);
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    return failure("lowering to the LLVM dialect failed");
  return llvm::Error::success();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);

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

static std::unique_ptr<llvm::TargetMachine> makeMachine(const CpuIsa &isa) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // only where a kernel says fma
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, isa.llvmCpu, isa.llvmFeatures, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Default));
}

static llvm::Expected<std::string> compile(const std::vector<KernelSpec> &kernels,
                                           const CpuIsa &isa, llvm::CodeGenFileType type) {
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
  if (failed(verify(*module)))
    return failure("an emitted kernel is not valid IR");
  if (llvm::Error error = lowerToLLVMDialect(*module))
    return std::move(error);

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext, "kernels");
  if (!code)
    return failure("translation to LLVM IR failed");
  std::unique_ptr<llvm::TargetMachine> machine = makeMachine(isa);
  if (!machine)
    return failure("this LLVM has no x86-64 code generator");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *code) {
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
  optimize(*code, *machine);

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, type))
    return failure("the code generator cannot write this kind of file");
  codegen.run(*code);
  return std::string(bytes.begin(), bytes.end());
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
