// Every kernel of the toys as PTX, for each architecture and type of products: ptxas takes it,
// and spills nothing.
#include "compiler/Pipeline.h"
#include "compiler/plan/VerifyPlan.h"
#include "compiler/targets/cuda/PtxAssembler.h"
#include "compiler/targets/cuda/lowering/CudaLowering.h"
#include "compiler/targets/cuda/lowering/VariantPtx.h"
#include "runtime/tasks/Batch.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

using namespace mlir;

namespace ftc::cuda {
namespace {

struct ToyCase {
  std::string file;
  std::string arch;
  Products products;
};

class ToyPtx : public testing::TestWithParam<ToyCase> {};

TEST_P(ToyPtx, IsAssembledWithoutSpills) {
  const GpuArch &arch = *findArch(GetParam().arch, GetParam().products);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  auto module = parseSourceFile<ModuleOp>(FTC_TEST_DIR "/../toys/" + GetParam().file + ".mlir",
                                          ParserConfig(&context));
  ASSERT_TRUE(module);
  for (const Phase &phase : pipelinePhases({}))
    ASSERT_TRUE(succeeded(runPhase(*module, phase))) << phase.name;
  PlanSymbols symbols(&context);
  for (const char *space :
       {"tokens", "target", "labelled", "input_ids.unique", "target_ids.unique",
        "token_position.unique", "target_position.unique", "beams", "entries", "slots",
        "source_slots", "source_entries"})
    symbols.setCapacity(space, 512);
  symbols.setCapacity("sequences", 16);
  for (const char *counter : rt::kCounters)
    symbols.setCapacity(counter, 0);
  std::map<std::string, cpu::KernelSpec> kernels;
  ASSERT_TRUE(succeeded(
      cpu::lowerToPlan(*module, loweringTarget(), arch, symbols, /*maxSequence=*/64, kernels)));
  symbols.attach(*module);
  ASSERT_TRUE(succeeded(verify(*module)) && succeeded(runPhase(*module, planPhase({}))) &&
              succeeded(verifyPlan(*module)));
  auto variant = module->lookupSymbol<plan::VariantOp>(arch.name);
  ASSERT_TRUE(variant);
  VariantKernels launched = launchedKernels(variant, kernels);
  EXPECT_FALSE(launched.groups.empty());
  llvm::Expected<std::string> ptx = compileToPtx(launched.alone, arch, launched.groups);
  ASSERT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  std::map<std::string, cpu::KernelSpec> entries; // a group's under its first kernel
  for (const LaunchedKernel &alone : launched.alone)
    entries[alone.kernel->key(arch)] = alone.kernel;
  for (const LaunchedGroup &group : launched.groups)
    entries[group.name] = group.runs.front().launched.kernel;
  for (const auto &[name, kernel] : entries)
    EXPECT_NE(ptx->find(".visible .entry " + name + "("), std::string::npos) << name;
  if (const char *folder = std::getenv("FTC_PTX_SAMPLES"))
    std::ofstream(std::string(folder) + "/" + GetParam().file + "." + arch.suffix + ".ptx")
        << *ptx;
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "no ptxas in PATH nor in /usr/local/cuda/bin: the PTX was not assembled";
  llvm::Expected<AssembledPtx> assembled = assemblePtx(*ptxas, *ptx, arch);
  ASSERT_TRUE(bool(assembled)) << llvm::toString(assembled.takeError());
  for (const auto &[name, kernel] : entries) {
    const KernelResources &resources = assembled->kernels[name];
    EXPECT_GT(resources.registers, 0) << name;
    EXPECT_EQ(resources.spillBytes, 0) << name;
    EXPECT_EQ(resources.stackBytes, 0) << name;
    if (std::getenv("FTC_PTX_SAMPLES"))
      std::printf("%-60s %4d registers, %lld B shared, %d %%\n", name.c_str(),
                  resources.registers, (long long)sharedBytesOf(*kernel, arch),
                  occupancyOf(arch, threadsOf(*kernel), resources.registers,
                              sharedBytesOf(*kernel, arch)));
  }
}

std::vector<ToyCase> cases() {
  std::vector<ToyCase> list;
  for (const char *file : {"language_model", "decoder", "encoder_decoder"})
    for (const char *arch : {"sm_80", "sm_90"})
      for (Products products : {Products::F32, Products::Tf32, Products::Bf16})
        list.push_back({file, arch, products});
  return list;
}

INSTANTIATE_TEST_SUITE_P(Toys, ToyPtx, testing::ValuesIn(cases()), [](const auto &info) {
  return info.param.file + "_" + info.param.arch + "_" + productsName(info.param.products);
});

} // namespace
} // namespace ftc::cuda
