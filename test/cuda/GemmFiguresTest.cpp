// What the main loop of products on tensor cores costs, as counts: registers by ptxas, sectors
// and bank conflicts by the emulator, on MiniLM's and BERT-base's shapes and on tiles with
// remainders.
#include "compiler/targets/cuda/PtxAssembler.h"
#include "compiler/targets/cuda/PtxCompiler.h"
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "test/emulator/Harness.h"

#include <gtest/gtest.h>

namespace ftc::cuda {
namespace {

struct Product {
  const char *name;
  Gemm gemm;
};

Gemm tiled(int tile, Products products) {
  Gemm gemm;
  gemm.products = products;
  gemm.tile = tile;
  return gemm;
}

/// The three products of a layer [in, out], summed over `chunk` rows a weight gradient.
std::vector<Product> productsOf(std::int64_t in, std::int64_t out, int tile,
                                Products products) {
  Gemm forward = tiled(tile, products), input = forward, weight = forward;
  forward.k = in;
  forward.n = out;
  input.k = out;
  input.n = in;
  input.second = Gemm::Factor::ColumnsOfN;
  weight.gradient = weight.bias = true;
  weight.out = out;
  weight.n = in;
  weight.chunk = 256;
  return {{"forward", forward}, {"dgrad", input}, {"wgrad", weight}};
}

KernelSignature signatureOf(const Gemm &gemm) {
  unsigned extra = gemm.gradient ? 0
                                 : (gemm.bias ? 1 : 0) + (gemm.savePre ? 1 : 0) +
                                       (gemm.gradAct != cpu::Activation::None ? 1 : 0);
  return {3 + extra, 1, 0};
}

std::string compiled(const Gemm &gemm, const GpuArch &arch) {
  auto kernel = std::make_shared<Gemm>(gemm);
  llvm::Expected<std::string> ptx = compileToPtx({{kernel, signatureOf(gemm)}}, arch);
  EXPECT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  return ptx ? *ptx : "";
}

/// Runs `m` rows of ones and counts.
emulator::Counters countsOf(const Gemm &gemm, std::int64_t m, bool adversarial = false) {
  const GpuArch &arch = *findArch("sm_80", gemm.products);
  emulator::TestGpu gpu;
  gpu.options.cost = true;
  gpu.options.adversarial = adversarial;
  gpu.load(compiled(gemm, arch));
  auto ones = [&](std::int64_t count) {
    return gpu.upload(std::vector<float>(static_cast<std::size_t>(count), 1.0f));
  };
  std::vector<std::uint64_t> parameters;
  std::int64_t results = m * gemm.n;
  if (gemm.gradient) {
    parameters = {ones(m * gemm.out), ones(m * gemm.n)};
    results = (m + gemm.chunk - 1) / gemm.chunk * partialElements(gemm.out, gemm.n);
  } else {
    parameters = {ones(m * gemm.k), ones(gemm.n * gemm.k)};
    if (gemm.bias)
      parameters.push_back(ones(gemm.n));
  }
  std::uint64_t result = gpu.reserve(static_cast<std::uint64_t>(results) * 4);
  parameters.push_back(result);
  std::int64_t tasks = gemm.grid(arch).evaluate({m});
  parameters.push_back(gpu.upload(std::vector<std::int64_t>{tasks, m}));
  gpu.launch(gemm.key(arch), static_cast<std::uint32_t>(tasks), gemm.threads(), parameters,
             static_cast<std::uint32_t>(gemm.sharedBytes()));
  float terms = static_cast<float>(gemm.gradient ? std::min(m, gemm.chunk) : gemm.k);
  EXPECT_EQ(gpu.download<float>(result, 1)[0], terms + (gemm.bias && !gemm.gradient ? 1 : 0));
  return gpu.counters;
}

class GemmFigures : public testing::TestWithParam<Products> {};

TEST_P(GemmFigures, EverySectorIsUsedAndNoBankIsMetTwice) {
  for (int tile : {64, 128})
    for (auto [in, out] : {std::pair(384, 384), std::pair(384, 1536)})
      for (const auto &[name, gemm] : productsOf(in, out, tile, GetParam())) {
        ASSERT_TRUE(gemm.pipelined());
        // Whole tiles of rows, and a remainder.
        for (std::int64_t m : {128, 136}) {
          if (m == 136 && out > 384)
            continue;
          emulator::Counters counts = countsOf(gemm, m);
          SCOPED_TRACE(std::string(name) + " tile " + std::to_string(tile) + " of " +
                       std::to_string(m) + "x" + std::to_string(in) + "x" +
                       std::to_string(out));
          EXPECT_GT(counts.globalSectors, 0u);
          EXPECT_EQ(counts.globalSectors, counts.idealSectors);
          EXPECT_GT(counts.sharedWaves, 0u);
          EXPECT_EQ(counts.sharedWaves, counts.idealWaves);
        }
      }
}

TEST_P(GemmFigures, TheHardwaresSumsFindNothing) {
  for (const auto &[name, gemm] : productsOf(100, 68, 64, GetParam()))
    countsOf(gemm, 77, /*adversarial=*/true);
}

/// The products, and the two with GELU in them.
std::vector<Gemm> withEpilogues(const std::vector<Product> &products) {
  std::vector<Gemm> list;
  for (const Product &product : products)
    list.push_back(product.gemm);
  Gemm forward = list[0], input = list[1];
  forward.bias = forward.savePre = true;
  forward.act = cpu::Activation::Gelu;
  input.gradAct = cpu::Activation::Gelu;
  list.insert(list.end(), {forward, input});
  return list;
}

/// Registers of a block's thread, of which a multiprocessor has room for so many blocks.
TEST_P(GemmFigures, RegistersLeaveRoomForTheBlocks) {
  int most = GetParam() == Products::Bf16 ? 168 : 255;
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "no ptxas in PATH nor in /usr/local/cuda/bin: registers are not known";
  for (const char *name : {"sm_80", "sm_90"})
    for (int tile : {64, 128})
      for (auto [in, out] : {std::pair(384, 1536), std::pair(768, 3072), std::pair(388, 1540)})
        for (const auto &gemm : withEpilogues(productsOf(in, out, tile, GetParam()))) {
          const GpuArch &arch = *findArch(name, GetParam());
          llvm::Expected<AssembledPtx> made = assemblePtx(*ptxas, compiled(gemm, arch), arch);
          ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
          const KernelResources &resources = made->kernels[gemm.key(arch)];
          if (std::getenv("FTC_FIGURES"))
            std::printf(
                "%s %s: %d registers, %d %% of the warps\n", name, gemm.key(arch).c_str(),
                resources.registers,
                occupancyOf(arch, gemm.threads(), resources.registers, gemm.sharedBytes()));
          EXPECT_GT(resources.registers, 0) << gemm.key(arch);
          EXPECT_LE(resources.registers, most) << gemm.key(arch);
          EXPECT_EQ(resources.spillBytes, 0) << gemm.key(arch);
        }
}

INSTANTIATE_TEST_SUITE_P(TensorCores, GemmFigures,
                         testing::Values(Products::Tf32, Products::Bf16),
                         [](const auto &info) { return productsName(info.param); });

} // namespace
} // namespace ftc::cuda
