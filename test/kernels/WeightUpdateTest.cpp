// The weight gradient's kernel with an update in it, bit for bit beside the gradient's kernel
// and the update's, padding of panels included: every rule, odd sizes, several blocks of rows,
// pairs.
#include "compiler/targets/cpu/kernels/Linear.h"
#include "compiler/targets/cpu/kernels/Optimizer.h"

#include "test/kernels/KernelHarness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

struct Layer {
  std::int64_t in, out;
  bool bias;
};
// Partial tiles, partial panels, several groups of panels, and large blocks.
const std::vector<Layer> layers{{1, 1, true},    {7, 5, false},     {33, 49, true},
                                {771, 30, true}, {100, 200, false}, {390, 300, true},
                                {770, 800, true}};

/// The run-time scalars of a rule, its weight decay as given.
std::vector<double> scalarsOf(UpdateRule rule, double decay) {
  switch (rule) {
  case UpdateRule::AdamW:
    return {1e-2, 0.9, 0.999, 1e-8, decay, 0.271, 0.003};
  case UpdateRule::Sgd:
    return {1e-2, 0.9, decay};
  case UpdateRule::Lion:
    return {1e-2, 0.9, 0.99, decay};
  }
  return {};
}

/// The rule's kernel over a gradient in memory.
KernelSpec updateKernel(UpdateRule rule) {
  auto of = [](auto kernel) -> KernelSpec {
    kernel->control = false;
    return kernel;
  };
  return rule == UpdateRule::AdamW ? of(std::make_shared<AdamW>())
         : rule == UpdateRule::Sgd ? of(std::make_shared<Sgd>())
                                   : of(std::make_shared<Lion>());
}

/// A parameter with its moments, as steps before may have left them.
struct Updated {
  Updated(Floats parameter, int moments, const Floats &first) : places{std::move(parameter)} {
    for (int k = 0; k < moments; ++k) {
      places.push_back(first);
      for (std::size_t i = 0; i < first.size(); ++i)
        places.back()[i] = std::abs(places.back()[i]) * (k ? 0.01f : 0.1f);
    }
  }
  void pushTo(std::vector<void *> &buffers) {
    for (Floats &place : places)
      buffers.push_back(place.data());
  }
  bool intact() const {
    for (const Floats &place : places)
      if (!place.intact())
        return false;
    return true;
  }
  bool operator==(const Updated &other) const { return places == other.places; }

  std::vector<Floats> places; ///< the parameter, then its moments
};

class Case {
public:
  Case(Layer layer, UpdateRule rule, bool pairs, const CpuIsa &isa)
      : layer(layer), rule(rule), update(updateKernel(rule)), isa(isa) {
    gradient->in = fused->in = layer.in, gradient->out = fused->out = layer.out;
    gradient->bias = fused->bias = layer.bias, gradient->pairs = fused->pairs = pairs;
    fused->update = rule;
    library =
        std::make_unique<KernelLibrary>(std::vector<KernelSpec>{gradient, fused, update}, isa);
  }

  void compare(std::int64_t rows) {
    Floats x = randomFloats(rows * layer.in, 1), dy = randomFloats(rows * layer.out, 2);
    // Of weight and bias, so that one taken for the other shows.
    const double decay = 0.1, biasDecay = 0.03;
    Updated weight(panels(3), momentCount(rule), panels(4));
    Updated bias(randomFloats(layer.out, 5), momentCount(rule), randomFloats(layer.out, 6));
    Updated weightWhole = weight, biasWhole = bias, weightPieces = weight, biasPieces = bias;
    runApart(x, dy, rows, weight, decay, bias, biasDecay);
    runFused(x, dy, rows, weightWhole, decay, biasWhole, biasDecay, Split::Whole);
    runFused(x, dy, rows, weightPieces, decay, biasPieces, biasDecay, Split::Pieces);
    std::string name = fused->key(isa) + " M=" + std::to_string(rows);
    EXPECT_TRUE(weightWhole.intact() && biasWhole.intact()) << name;
    EXPECT_TRUE(weightWhole == weight) << name;
    EXPECT_TRUE(weightPieces == weight) << name << ": split";
    if (layer.bias) {
      EXPECT_TRUE(biasWhole == bias) << name << ": bias";
      EXPECT_TRUE(biasPieces == bias) << name << ": bias, split";
    }
    if (rows > 0)
      EXPECT_FALSE(weight.places[0] == panels(3)) << name << " was not updated";
  }

private:
  /// Random panels with something in the padding, which an update leaves to be what it makes of
  /// a gradient of 0.
  Floats panels(unsigned seed) const {
    Floats ones(layer.in * layer.out);
    for (std::size_t i = 0; i < ones.size(); ++i)
      ones[i] = 1;
    Floats used = toPanels(ones, layer.in, layer.out, isa);
    Floats values =
        toPanels(randomFloats(layer.in * layer.out, seed), layer.in, layer.out, isa);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (used[i] == 0)
        values[i] = 0.5f;
    return values;
  }

  void runApart(Floats &x, Floats &dy, std::int64_t rows, Updated &weight, double decay,
                Updated &bias, double biasDecay) {
    Floats dw(weight.places[0].size()), db(layer.out);
    std::vector<void *> buffers{x.data(), dy.data(), dw.data()};
    if (layer.bias)
      buffers.push_back(db.data());
    library->run(*gradient, buffers, {rows, 0});
    apply(weight, dw, decay);
    if (layer.bias)
      apply(bias, db, biasDecay);
  }

  void apply(Updated &updated, Floats &by, double decay) {
    std::vector<void *> buffers;
    updated.pushTo(buffers);
    buffers.insert(buffers.begin() + 1, by.data());
    library->run(*update, buffers, {std::int64_t(by.size())}, scalarsOf(rule, decay));
  }

  void runFused(Floats &x, Floats &dy, std::int64_t rows, Updated &weight, double decay,
                Updated &bias, double biasDecay, Split split) {
    std::vector<void *> buffers{x.data(), dy.data()};
    weight.pushTo(buffers);
    std::vector<double> scalars = scalarsOf(rule, decay);
    if (layer.bias) {
      bias.pushTo(buffers);
      scalars.push_back(biasDecay);
    }
    library->run(*fused, buffers, {rows}, scalars, split);
  }

  Layer layer;
  UpdateRule rule;
  std::shared_ptr<LinearWeightGrad> gradient = std::make_shared<LinearWeightGrad>();
  std::shared_ptr<LinearWeightGrad> fused = std::make_shared<LinearWeightGrad>();
  KernelSpec update;
  const CpuIsa &isa;
  std::unique_ptr<KernelLibrary> library;
};

const UpdateRule rules[] = {UpdateRule::AdamW, UpdateRule::Sgd, UpdateRule::Lion};

void compareAll(const CpuIsa &isa, bool pairs) {
  for (UpdateRule rule : rules)
    for (Layer layer : layers) {
      Case one(layer, rule, pairs, isa);
      // Below a block of rows, exactly one or two, and beyond (128 or 256 steps of 1 or 2
      // rows).
      for (std::int64_t rows : {0, 1, 37, 128, 256, 300, 513, 1025})
        if (layer.in * layer.out < 100000 || rows == 37 || rows == 300)
          one.compare(rows);
    }
}

} // namespace

TEST(WeightUpdate, SameBitsAsGradientAndUpdate) {
  for (const CpuIsa *isa : runnableIsas())
    compareAll(*isa, false);
}

TEST(WeightUpdate, SameBitsInPairs) {
  if (!canRun(isaV4Bf16()))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  compareAll(isaV4Bf16(), true);
}

TEST(WeightUpdate, ScratchHoldsTheBlockAlone) {
  LinearWeightGrad plain;
  plain.in = 768, plain.out = 3072, plain.bias = true;
  LinearWeightGrad fused = plain;
  fused.update = UpdateRule::AdamW;
  for (const CpuIsa *isa : {&isaV3(), &isaV4()}) {
    std::int64_t width = isa->panelWidth(plain.out);
    // 384 features of 8 panels, and the sums of 8 panels of columns: not the whole gradient.
    EXPECT_EQ(fused.scratchBytes(*isa) - plain.scratchBytes(*isa), 4 * (384 + 1) * 8 * width);
  }
}
