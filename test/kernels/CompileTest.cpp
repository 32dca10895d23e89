// The compilation itself: every kernel for every instruction set, reproducible bytes, no
// undefined symbols or writable data, and the time a MiniLM's kernels take.
#include "compiler/targets/cpu/KernelCompiler.h"
#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cpu/kernels/CrossEntropy.h"
#include "compiler/targets/cpu/kernels/Elementwise.h"
#include "compiler/targets/cpu/kernels/Embedding.h"
#include "compiler/targets/cpu/kernels/LayerNorm.h"
#include "compiler/targets/cpu/kernels/Linear.h"
#include "compiler/targets/cpu/kernels/Optimizer.h"
#include "compiler/targets/cpu/kernels/Span.h"
#include "compiler/targets/cpu/kernels/TargetLoss.h"
#include "test/kernels/KernelHarness.h"

#include "llvm/Object/ELFObjectFile.h"

#include <gtest/gtest.h>
#include <time.h>

using namespace ftc::cpu;

namespace {

Linear linear(std::int64_t in, std::int64_t out, bool bias) {
  Linear spec;
  spec.in = in, spec.out = out, spec.bias = bias;
  return spec;
}

/// What training and evaluating a MiniLM classifier needs.
std::vector<KernelSpec> miniLm() {
  const std::int64_t h = 384, f = 1536, classes = 77;
  std::vector<KernelSpec> kernels;
  auto add = [&]<typename K>(K kernel) { kernels.push_back(std::make_shared<K>(kernel)); };
  add(linear(h, h, true)), add(linear(f, h, true)), add(linear(h, classes, true));
  Linear up = linear(h, f, true), pooler = linear(h, h, true), down = linear(h, f, false);
  up.act = Activation::Gelu, up.savePre = true;
  pooler.act = Activation::Tanh, pooler.savePre = true;
  down.gradAct = Activation::Gelu;
  Linear upGrad = linear(f, h, false), square = linear(h, h, false);
  upGrad.add = square.add = true;
  add(up), add(pooler), add(down), add(upGrad), add(square);
  add(linear(h, h, false)), add(linear(classes, h, false));
  for (auto [in, out] : {std::pair{h, h}, {h, f}, {f, h}, {h, classes}}) {
    PackTransposed pack;
    pack.in = in, pack.out = out;
    LinearWeightGrad grad;
    grad.in = in, grad.out = out, grad.bias = true;
    add(pack), add(grad);
  }
  for (bool residual : {false, true}) {
    LayerNorm norm;
    LayerNormGrad grad;
    norm.hidden = grad.hidden = h, norm.residual = grad.residual = residual;
    add(norm), add(grad);
  }
  LayerNormGradFinalize finalize;
  finalize.hidden = h;
  Attention attention;
  attention.shape.heads = attention.shape.kvHeads = 12, attention.shape.headDim = 32;
  AttentionGrad attentionGrad;
  attentionGrad.shape = attention.shape;
  add(finalize), add(attention), add(attentionGrad);
  EmbeddingSum embedding;
  EmbeddingGrad embeddingGrad;
  embedding.hidden = embeddingGrad.hidden = h, embedding.tables = 3;
  Dropout dropout;
  GatherRows gather;
  ScatterRows scatter;
  dropout.hidden = gather.hidden = scatter.hidden = h;
  CrossEntropy loss;
  CrossEntropyGrad lossGrad;
  loss.classes = lossGrad.classes = classes;
  ActivationGrad tanhGrad;
  tanhGrad.act = Activation::Tanh;
  add(embedding), add(embeddingGrad), add(dropout), add(gather), add(scatter), add(loss);
  add(lossGrad), add(tanhGrad), add(Add()), add(AdamW()), add(SquareSum()), add(NormFinalize());
  return kernels;
}

/// Kernels the model above lacks.
std::vector<KernelSpec> others() {
  auto cached = std::make_shared<CachedAttention>();
  cached->heads = 4, cached->kvHeads = 2, cached->headDim = 40;
  auto attention = std::make_shared<Attention>();
  attention->shape.heads = attention->shape.kvHeads = 2, attention->shape.headDim = 24;
  attention->shape.causal = true;
  auto grad = std::make_shared<AttentionGrad>();
  grad->shape = attention->shape;
  auto disentangled = std::make_shared<Attention>(*attention);
  disentangled->shape.causal = false;
  disentangled->shape.positions = 64, disentangled->shape.maxDistance = 128;
  disentangled->shape.positionKeys = disentangled->shape.positionQueries = true;
  auto disentangledGrad = std::make_shared<AttentionGrad>();
  disentangledGrad->shape = disentangled->shape;
  disentangledGrad->tableGradient = true;
  auto odd = std::make_shared<Linear>(linear(77, 101, true));
  odd->act = Activation::GeluTanh;
  auto oddGrad = std::make_shared<LinearWeightGrad>();
  oddGrad->in = 77, oddGrad->out = 101;
  auto targets = std::make_shared<TargetLoss>();
  auto targetsGrad = std::make_shared<TargetLossGrad>();
  targets->columns = targetsGrad->columns = 5;
  return {cached,
          attention,
          grad,
          disentangled,
          disentangledGrad,
          odd,
          oddGrad,
          std::make_shared<Sgd>(),
          std::make_shared<ActivationForward>(),
          targets,
          targetsGrad,
          std::make_shared<SpanLoss>(),
          std::make_shared<SpanLossGrad>()};
}

/// The kernels that compute in bf16 pairs.
std::vector<KernelSpec> pairs() {
  auto forward = std::make_shared<Linear>(linear(77, 101, true));
  auto grad = std::make_shared<LinearWeightGrad>();
  grad->in = 77, grad->out = 101;
  auto pack = std::make_shared<PackPairs>();
  pack->in = 77, pack->out = 101;
  auto transpose = std::make_shared<PackTransposed>();
  transpose->in = 77, transpose->out = 101;
  auto attention = std::make_shared<Attention>();
  attention->shape.heads = attention->shape.kvHeads = 2, attention->shape.headDim = 24;
  auto attentionGrad = std::make_shared<AttentionGrad>();
  attention->shape.pairs = true;
  attentionGrad->shape = attention->shape;
  forward->pairs = grad->pairs = transpose->pairs = true;
  return {forward, grad, pack, transpose, attention, attentionGrad};
}

std::string get(llvm::Expected<std::string> result) {
  EXPECT_TRUE(bool(result));
  if (result)
    return std::move(*result);
  ADD_FAILURE() << llvm::toString(result.takeError());
  return "";
}

} // namespace

TEST(Compile, EveryInstructionSetGivesASelfContainedObject) {
  for (const CpuIsa *isa : {&isaV3(), &isaV4(), &isaV4Bf16()}) {
    std::vector<KernelSpec> kernels = miniLm();
    for (const KernelSpec &kernel : others())
      kernels.push_back(kernel);
    if (isa->bf16Pairs)
      for (const KernelSpec &kernel : pairs())
        kernels.push_back(kernel);
    std::string linked = get(linkKernels(get(compileKernels(kernels, *isa))));
    auto file =
        llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(linked, "kernels.so"));
    ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
    auto &elf = llvm::cast<llvm::object::ELF64LEObjectFile>(**file);
    std::set<std::string> exported;
    for (const llvm::object::ELFSymbolRef symbol : elf.getDynamicSymbolIterators()) {
      auto flags = symbol.getFlags();
      ASSERT_TRUE(bool(flags));
      std::string name = llvm::cantFail(symbol.getName()).str();
      EXPECT_FALSE(*flags & llvm::object::SymbolRef::SF_Undefined) << name;
      exported.insert(name);
    }
    for (const KernelSpec &kernel : kernels)
      EXPECT_TRUE(exported.count(kernel->key(*isa))) << kernel->key(*isa);
    for (const llvm::object::ELFSectionRef section : elf.sections()) {
      std::string name = llvm::cantFail(section.getName()).str();
      bool writable = section.getFlags() & llvm::ELF::SHF_WRITE;
      // The loader's own table, sealed after relocation (-z relro).
      EXPECT_TRUE(!writable || name == ".dynamic" || name == ".relro_padding") << name;
    }
  }
}

TEST(Compile, SameKernelsSameBytes) {
  std::string first = get(linkKernels(get(compileKernels(others(), isaV3()))));
  std::string second = get(linkKernels(get(compileKernels(others(), isaV3()))));
  EXPECT_EQ(first.size(), second.size());
  EXPECT_TRUE(first == second);
}

TEST(Compile, MiniLmTakesSeconds) {
  for (const CpuIsa *isa : {&isaV3(), &isaV4()}) {
    // Processor time of this one thread: neighbours on the machine are left out.
    auto seconds = [] {
      timespec now;
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
      return now.tv_sec + now.tv_nsec * 1e-9;
    };
    double start = seconds();
    std::string object = get(compileKernels(miniLm(), *isa));
    double elapsed = seconds() - start;
    std::printf("%s: %zu kernels, %zu bytes, %.2f s\n", isa->name.c_str(), miniLm().size(),
                object.size(), elapsed);
    // About 1.5 s on a quiet Zen 4; shared caches and older cores may take several times that.
    EXPECT_LT(elapsed, 12);
  }
}
