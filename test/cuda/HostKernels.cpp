// Retargets NVVM IR to x86-64 and compiles it by LLVM's JIT.
#include "test/cuda/HostKernels.h"

#include "test/cuda/HostBlock.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/TargetSelect.h"

#include <mutex>

namespace ftc::cuda::test {

constexpr std::uint64_t kSharedBytes = 256 << 10; // more than any block may have

static llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError("kernels on the host: " + message);
}

/// `call` becomes one of ftcHostIntrinsic: operands and results go through slots in memory.
static void replaceByHost(llvm::CallInst *call, Intrinsic intrinsic,
                          llvm::FunctionCallee host) {
  constexpr unsigned kSlots = 16;
  llvm::Function *function = call->getFunction();
  llvm::IRBuilder<> entry(&*function->getEntryBlock().getFirstInsertionPt());
  llvm::Type *word = entry.getInt64Ty();
  llvm::Value *slots = entry.CreateAlloca(word, entry.getInt32(kSlots));
  llvm::IRBuilder<> b(call);
  auto slot = [&](unsigned i) { return b.CreateConstGEP1_32(word, slots, i); };
  for (auto [i, operand] : llvm::enumerate(call->args()))
    b.CreateStore(operand, slot(static_cast<unsigned>(i)));
  b.CreateCall(host, {b.getInt32(static_cast<std::uint32_t>(intrinsic)), slots});
  llvm::Type *type = call->getType();
  if (auto *record = llvm::dyn_cast<llvm::StructType>(type)) {
    llvm::Value *results = llvm::PoisonValue::get(type);
    for (unsigned i = 0; i < record->getNumElements(); ++i)
      results =
          b.CreateInsertValue(results, b.CreateLoad(record->getElementType(i), slot(i)), i);
    call->replaceAllUsesWith(results);
  } else if (!type->isVoidTy()) {
    call->replaceAllUsesWith(b.CreateLoad(type, slot(0)));
  }
  call->eraseFromParent();
}

/// `void NAME.host(ptr parameters)`, which calls the kernel with the pointers that lie there.
static void addCaller(llvm::Function &kernel) {
  llvm::LLVMContext &context = kernel.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *caller = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                        kernel.getName() + ".host", kernel.getParent());
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", caller));
  llvm::SmallVector<llvm::Value *> arguments;
  for (auto [i, argument] : llvm::enumerate(kernel.args()))
    arguments.push_back(
        b.CreateLoad(argument.getType(), b.CreateConstGEP1_32(pointer, caller->getArg(0),
                                                              static_cast<unsigned>(i))));
  b.CreateCall(&kernel, arguments);
  b.CreateRetVoid();
}

/// Address spaces stay: x86-64 has all of them below 256 in one.
static llvm::Error retarget(llvm::Module &module, const llvm::DataLayout &layout,
                            const llvm::Triple &triple) {
  module.setTargetTriple(triple);
  module.setDataLayout(layout);
  llvm::LLVMContext &context = module.getContext();
  llvm::FunctionCallee host = module.getOrInsertFunction(
      "ftcHostIntrinsic", llvm::Type::getVoidTy(context), llvm::Type::getInt32Ty(context),
      llvm::PointerType::get(context, 0));
  llvm::SmallVector<llvm::Function *> kernels;
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      kernels.push_back(&function);
  for (llvm::Function *kernel : kernels) {
    kernel->setCallingConv(llvm::CallingConv::C);
    for (const char *attribute : {"target-cpu", "target-features"})
      kernel->removeFnAttr(attribute);
    for (llvm::Instruction &instruction : llvm::make_early_inc_range(instructions(*kernel))) {
      auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
      if (call &&
          call->isInlineAsm()) { // of BlockBuilder: unknown's copy, keepLoop's word to ptxas
        llvm::StringRef code =
            llvm::cast<llvm::InlineAsm>(call->getCalledOperand())->getAsmString();
        if (code == "mov.b32 $0, $1;")
          call->replaceAllUsesWith(call->getArgOperand(0));
        else if (code != ".pragma \"nounroll\";")
          return failure("expected no other PTX in the IR, got " + code);
        call->eraseFromParent();
        continue;
      }
      llvm::Function *callee = call ? call->getCalledFunction() : nullptr;
      if (!callee || !callee->getName().starts_with("llvm.nvvm."))
        continue;
      std::optional<Intrinsic> known = intrinsicOf(callee->getName());
      if (!known)
        return failure("expected an intrinsic that test/cuda/HostBlock.h has, got " +
                       callee->getName());
      replaceByHost(call, *known, host);
    }
    addCaller(*kernel);
  }
  // One block runs at a time: its shared memory is a variable.
  if (llvm::GlobalVariable *shared = module.getGlobalVariable(kSharedMemory)) {
    auto *type = llvm::ArrayType::get(llvm::Type::getInt8Ty(context), kSharedBytes);
    auto *memory = new llvm::GlobalVariable(
        module, type, false, llvm::GlobalValue::InternalLinkage,
        llvm::ConstantAggregateZero::get(type), "host_shared_memory", nullptr,
        llvm::GlobalValue::NotThreadLocal, shared->getAddressSpace());
    memory->setAlignment(llvm::Align(128));
    shared->replaceAllUsesWith(memory);
    shared->eraseFromParent();
  }
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(module, &stream))
    return failure("retargeted IR is not valid: " + problem);
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> makeJit() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  llvm::Expected<llvm::orc::JITTargetMachineBuilder> machine =
      llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!machine)
    return machine.takeError();
  machine->getOptions().AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(*machine).create();
}

HostKernels::HostKernels(std::unique_ptr<llvm::orc::LLJIT> jit) : jit(std::move(jit)) {}
HostKernels::~HostKernels() = default;

llvm::Expected<std::unique_ptr<HostKernels>>
HostKernels::compile(const std::vector<LaunchedKernel> &kernels, const GpuArch &arch,
                     const std::vector<LaunchedGroup> &groups) {
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit = makeJit();
  if (!jit)
    return jit.takeError();
  auto context = std::make_unique<llvm::LLVMContext>();
  llvm::Expected<std::unique_ptr<llvm::Module>> module =
      compileToNvvmIr(kernels, arch, *context, groups);
  if (!module)
    return module.takeError();
  if (llvm::Error error =
          retarget(**module, (*jit)->getDataLayout(), (*jit)->getTargetTriple()))
    return std::move(error);
  llvm::orc::SymbolMap symbols;
  symbols[(*jit)->mangleAndIntern("ftcHostIntrinsic")] = {
      llvm::orc::ExecutorAddr::fromPtr(&ftcHostIntrinsic), llvm::JITSymbolFlags::Exported};
  if (llvm::Error error =
          (*jit)->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  if (llvm::Error error = (*jit)->addIRModule({std::move(*module), std::move(context)}))
    return std::move(error);
  return std::unique_ptr<HostKernels>(new HostKernels(std::move(*jit)));
}

void HostKernels::launch(const std::string &name, unsigned grid, unsigned threads,
                         const std::vector<void *> &parameters) {
  auto entry = llvm::cantFail(jit->lookup(name + ".host")).toPtr<void(void *const *)>();
  for (unsigned index = grid; index-- > 0;)
    runHostBlock(entry, parameters.data(), index, threads);
}

} // namespace ftc::cuda::test
