// MLIR's conversions, then LLVM's code generator in process.
#include "compiler/targets/cpu/CodeGenerator.h"

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
#include "llvm/MC/TargetRegistry.h"

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

std::unique_ptr<llvm::TargetMachine> makeMachine(llvm::StringRef name, llvm::StringRef cpu,
                                                 llvm::StringRef features,
                                                 std::optional<llvm::Reloc::Model> relocation,
                                                 std::optional<llvm::CodeModel::Model> model) {
  llvm::Triple triple(name);
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, options, relocation, model, llvm::CodeGenOptLevel::Default));
}

static LogicalResult lowerToLLVMDialect(ModuleOp module, bool vectors) {
  PassManager passes(module.getContext());
  passes.enableVerifier(true);
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  if (vectors)
    passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

static void optimize(llvm::Module &module, const CodeGeneration &how) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(how.machine.get(), how.tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  how.optimize(module, builder, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
generateIr(ModuleOp module, const CodeGeneration &how, llvm::LLVMContext &context) {
  if (!how.machine)
    return how.failure("this LLVM has no " + how.generator + " code generator");
  if (failed(verify(module)))
    return how.failure("an emitted kernel is not valid IR");
  if (failed(lowerToLLVMDialect(module, how.vectors)))
    return how.failure("lowering to the LLVM dialect failed");
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "kernels");
  if (!code)
    return how.failure("translation to LLVM IR failed");
  code->setTargetTriple(how.machine->getTargetTriple());
  code->setDataLayout(how.machine->createDataLayout());
  how.describe(*code);
  optimize(*code, how);
  return code;
}

llvm::Expected<std::string> generateCode(ModuleOp module, const CodeGeneration &how) {
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> code = generateIr(module, how, context);
  if (!code)
    return code.takeError();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  if (how.machine->addPassesToEmitFile(codegen, stream, nullptr, how.file))
    return how.failure("the code generator cannot write this kind of file");
  codegen.run(**code);
  return std::string(bytes.begin(), bytes.end());
}

} // namespace ftc::cpu
