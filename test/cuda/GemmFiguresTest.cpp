// What the main loop of products on tensor cores costs, as counts: registers by ptxas, sectors
// and bank conflicts by the emulator, on MiniLM's and BERT-base's shapes and on tiles with
// remainders.
#include "compiler/targets/cuda/PtxAssembler.h"
#include "compiler/targets/cuda/PtxCompiler.h"
#include "compiler/targets/cuda/SpeedOfLight.h"
#include "compiler/targets/cuda/kernels/Gemm.h"
#include "test/emulator/Harness.h"

#include <gtest/gtest.h>

#include <bit>

namespace ftc::cuda {
namespace {

struct Product {
  const char *name;
  Gemm gemm;
};

/// Tiles of 256 rows are bf16's alone, where Gemm::mayBeTall.
std::vector<int> tilesOf(Products products) {
  return products == Products::Bf16 ? std::vector{64, 128, 256} : std::vector{64, 128};
}

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

/// The same where layers' inputs and outputs are stored in bf16.
std::vector<Product> narrowed(std::vector<Product> products) {
  Gemm &forward = products[0].gemm;
  forward.narrowX = forward.narrowY = products[2].gemm.narrowX = true;
  if (forward.isTall() && !forward.mayBeTall())
    forward.narrowX = false;
  return {products[0], products[2]};
}

/// Whether a layer [in, out] can read and write bf16.
bool canBeNarrow(std::int64_t in, std::int64_t out, Products products) {
  return products == Products::Bf16 && in % 8 == 0 && out % 8 == 0;
}

std::vector<Product> withNarrowed(std::int64_t in, std::int64_t out, int tile,
                                  Products products) {
  std::vector<Product> list = productsOf(in, out, tile, products);
  if (canBeNarrow(in, out, products))
    for (const Product &product : narrowed(list))
      list.push_back(product);
  return list;
}

KernelSignature signatureOf(const Gemm &gemm) {
  unsigned extra = gemm.gradient
                       ? 0
                       : (gemm.bias ? 1 : 0) + (gemm.add ? 1 : 0) + (gemm.savePre ? 1 : 0) +
                             (gemm.gradAct != cpu::Activation::None ? 1 : 0);
  return {2u * gemm.parts + 1 + extra, 1, 0};
}

std::string compiled(const Gemm &gemm, const GpuArch &arch) {
  auto kernel = std::make_shared<Gemm>(gemm);
  llvm::Expected<std::string> ptx = compileToPtx({{kernel, signatureOf(gemm)}}, arch);
  EXPECT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  return ptx ? *ptx : "";
}

constexpr std::uint16_t kOne = 0x3f80; ///< in bf16

/// Runs `m` rows of ones and counts.
emulator::Counters countsOf(const Gemm &gemm, std::int64_t m, bool adversarial = false) {
  const GpuArch &arch = *findArch("sm_80", gemm.products);
  emulator::TestGpu gpu;
  gpu.options.cost = true;
  gpu.options.adversarial = adversarial;
  gpu.load(compiled(gemm, arch));
  auto ones = [&](std::int64_t count, bool narrow = false) {
    auto size = static_cast<std::size_t>(count);
    return narrow ? gpu.upload(std::vector<std::uint16_t>(size, kOne))
                  : gpu.upload(std::vector<float>(size, 1.0f));
  };
  std::vector<std::uint64_t> parameters;
  std::int64_t results = m * gemm.n;
  if (gemm.gradient) {
    parameters = {ones(m * gemm.out), ones(m * gemm.n, gemm.narrowX)};
    results = (m + gemm.chunk - 1) / gemm.chunk * partialElements(gemm.out, gemm.n);
  } else {
    parameters = {ones(m * gemm.k, gemm.narrowX), ones(gemm.n * gemm.k)};
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
  float expected = terms + (gemm.bias && !gemm.gradient ? 1 : 0);
  float first = gemm.narrowY
                    ? std::bit_cast<float>(gpu.download<std::uint16_t>(result, 1)[0] << 16)
                    : gpu.download<float>(result, 1)[0];
  EXPECT_EQ(first, expected);
  return gpu.counters;
}

class GemmFigures : public testing::TestWithParam<Products> {};

TEST_P(GemmFigures, EverySectorIsUsedAndNoBankIsMetTwice) {
  for (int tile : tilesOf(GetParam()))
    for (auto [in, out] : {std::pair(384, 384), std::pair(384, 1536)}) {
      for (const auto &[name, gemm] : withNarrowed(in, out, tile, GetParam())) {
        ASSERT_TRUE(gemm.pipelined());
        // Whole tiles of rows, and a remainder.
        for (std::int64_t m : {256, 136}) {
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
}

/// Whole tiles and steps, by the estimate of speed of light; shuffles, which sum columns, are
/// not the emulator's waves.
TEST_P(GemmFigures, TakeTheWavesOfTheEstimate) {
  const GpuArch &arch = *findArch("sm_80", GetParam());
  for (int tile : tilesOf(GetParam()))
    for (Product product : withNarrowed(256, 256, tile, GetParam())) {
      product.gemm.bias = false;
      emulator::Counters counts = countsOf(product.gemm, 256);
      std::string key = product.gemm.key(arch);
      std::int64_t flops = product.gemm.flops().evaluate({256});
      EXPECT_EQ(static_cast<double>(counts.sharedWaves), sharedWaves({key, flops, 0})) << key;
    }
}

TEST_P(GemmFigures, TheHardwaresSumsFindNothing) {
  for (const auto &[name, gemm] : productsOf(100, 68, 64, GetParam()))
    countsOf(gemm, 77, /*adversarial=*/true);
}

/// The products, the two with GELU in them, those of factors and results in bf16, and sums of
/// two and three input gradients.
std::vector<Gemm> withEpilogues(const std::vector<Product> &products) {
  std::vector<Gemm> list;
  for (const Product &product : products)
    list.push_back(product.gemm);
  Gemm forward = list[0], input = list[1];
  forward.bias = forward.savePre = true;
  forward.act = cpu::Activation::Gelu;
  input.gradAct = cpu::Activation::Gelu;
  list.insert(list.end(), {forward, input});
  if (canBeNarrow(forward.k, forward.n, forward.products)) {
    for (const Product &product : narrowed(products))
      list.push_back(product.gemm);
    forward.narrowY = true;
    list.push_back(forward);
    forward.act = cpu::Activation::None;
    forward.narrowX = true;
    forward.narrowY = forward.savePre = false;
    if (!forward.isTall() || forward.mayBeTall())
      list.push_back(forward);
  }
  input.gradAct = cpu::Activation::None;
  for (int parts : {2, 3})
    for (bool add : {false, true}) {
      if (!input.pipelined() || input.k % Gemm::kStageDepth)
        continue;
      input.parts = parts;
      input.add = add;
      list.push_back(input);
    }
  return list;
}

/// What ptxas says of each product alone, and of a group of all of them.
std::map<std::string, KernelResources> resourcesOf(const std::vector<Gemm> &gemms, bool grouped,
                                                   const std::string &ptxas,
                                                   const GpuArch &arch) {
  std::vector<LaunchedKernel> alone;
  LaunchedGroup group{"group", {}};
  for (const Gemm &gemm : gemms) {
    alone.push_back({std::make_shared<Gemm>(gemm), signatureOf(gemm)});
    group.runs.push_back({alone.back(), 1});
  }
  llvm::Expected<std::string> ptx =
      grouped ? compileToPtx({}, arch, {group}) : compileToPtx(alone, arch);
  EXPECT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  if (!ptx)
    return {};
  llvm::Expected<AssembledPtx> made = assemblePtx(ptxas, *ptx, arch);
  EXPECT_TRUE(bool(made)) << llvm::toString(made.takeError());
  return made ? made->kernels : std::map<std::string, KernelResources>();
}

void expectNoSpills(const std::map<std::string, KernelResources> &kernels, int most) {
  EXPECT_FALSE(kernels.empty());
  for (const auto &[name, resources] : kernels) {
    if (std::getenv("FTC_FIGURES"))
      std::printf("%s: %d registers\n", name.c_str(), resources.registers);
    EXPECT_GT(resources.registers, 0) << name;
    EXPECT_LE(resources.registers, most) << name;
    EXPECT_EQ(resources.spillBytes, 0) << name;
  }
}

/// Registers of a block's thread, of which a multiprocessor has room for so many blocks.
TEST_P(GemmFigures, RegistersLeaveRoomForTheBlocks) {
  int most = GetParam() == Products::Bf16 ? 168 : 255;
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "no ptxas in PATH nor in /usr/local/cuda/bin: registers are not known";
  for (const char *name : {"sm_80", "sm_90"}) {
    const GpuArch &arch = *findArch(name, GetParam());
    for (int tile : tilesOf(GetParam()))
      // Of 48 terms ptxas would write out the three steps.
      for (auto [in, out] : {std::pair(384, 1536), std::pair(768, 3072), std::pair(388, 1540),
                             std::pair(48, 48), std::pair(64, 128)}) {
        SCOPED_TRACE(std::string(name) + " tile " + std::to_string(tile));
        std::vector<Gemm> gemms = withEpilogues(productsOf(in, out, tile, GetParam()));
        expectNoSpills(resourcesOf(gemms, false, *ptxas, arch), most);
        for (const Gemm &gemm : gemms)
          if (gemm.parts > 1)
            expectNoSpills(resourcesOf({gemm}, true, *ptxas, arch), most);
      }
  }
}

/// Of a single step LLVM would make straight code, in which all factors are held at once.
TEST(GemmOfOneStep, DoesNotSpillBesideAnother) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "no ptxas in PATH nor in /usr/local/cuda/bin: registers are not known";
  for (const char *name : {"sm_80", "sm_90"})
    for (Products products : {Products::F32, Products::Tf32, Products::Bf16})
      for (std::int64_t narrow : {4, 8, 16})
        for (std::int64_t wide : {61, 64}) {
          SCOPED_TRACE(std::string(name) + " " + productsName(products) + " " +
                       std::to_string(narrow) + "x" + std::to_string(wide));
          std::vector<Product> layer = productsOf(wide, narrow, 64, products);
          Gemm input = layer[1].gemm, weight = layer[2].gemm;
          if (input.threads() != weight.threads() ||
              input.sharedBytes() != weight.sharedBytes())
            continue; // cannot be grouped
          weight.bias = false;
          expectNoSpills(resourcesOf({weight, input}, true, *ptxas, *findArch(name, products)),
                         255);
        }
}

INSTANTIATE_TEST_SUITE_P(TensorCores, GemmFigures,
                         testing::Values(Products::Tf32, Products::Bf16),
                         [](const auto &info) { return productsName(info.param); });

} // namespace
} // namespace ftc::cuda
