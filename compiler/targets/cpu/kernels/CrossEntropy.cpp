// Cross-entropy rows: maximum, sum of exponentials, then the loss or the gradient.
#include "compiler/targets/cpu/kernels/CrossEntropy.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr std::int64_t rowBlock = 16;
static constexpr int ignored = -100;

static std::string rowKey(const char *name, std::int64_t classes, bool weighted,
                          const CpuIsa &isa) {
  return std::string(name) + (weighted ? "_weighted_c" : "_c") + std::to_string(classes) + "_" +
         isa.suffix;
}

/// The row's maximum and the sum of exp(x - maximum).
static std::pair<Num, Num> softmaxTerms(KernelBuilder &b, Ptr row, std::int64_t classes) {
  Num top = b.reduceRow(
      classes, -3.4028234663852886e38,
      [&](Num offset, Num mask) { return b.loadVector(row[offset], mask); },
      [&](Num x, Num y) { return b.max(x, y); });
  Num sum = b.sumRow(classes, [&](Num offset, Num mask) {
    return b.exp(b.loadVector(row[offset], mask) - top);
  });
  return {top, sum};
}

std::string CrossEntropy::key(const CpuIsa &isa) const {
  return rowKey("cross_entropy", classes, weighted, isa);
}
IntExpr CrossEntropy::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void CrossEntropy::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), labels = b.buffer(1, Elem::I32), losses = b.buffer(2), weights;
  if (weighted)
    weights = b.buffer(3);
  Num smoothing = b.scalarF32(0);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num r) {
    Num label = b.load(labels[r]);
    b.ifElse(
        label == ignored, [&] { b.store(b.f32(0), losses[r]); },
        [&] {
          Ptr row = logits[r * classes];
          auto [top, sum] = softmaxTerms(b, row, classes);
          Num logOfSum = b.log(sum);
          // Differences from the maximum: no cancellation between large logits.
          Num own = logOfSum - (b.load(row[b.toI64(label)]) - top);
          if (weighted) {
            Num mean = b.sumRow(classes, [&](Num offset, Num mask) {
              return (logOfSum - (b.loadVector(row[offset], mask) - top)) *
                     b.loadVector(weights[offset], mask);
            }) * (1.0 / classes);
            own = own * b.load(weights[b.toI64(label)]);
            b.store((1.0 - smoothing) * own + smoothing * mean, losses[r]);
            return;
          }
          Num mean = b.sumRow(classes, [&](Num offset, Num mask) {
            return b.loadVector(row[offset], mask) - top;
          }) * (1.0 / classes);
          b.store((1.0 - smoothing) * own + smoothing * (logOfSum - mean), losses[r]);
        });
  });
}

std::string CrossEntropyGrad::key(const CpuIsa &isa) const {
  return rowKey("cross_entropy_grad", classes, weighted, isa);
}
IntExpr CrossEntropyGrad::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void CrossEntropyGrad::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), labels = b.buffer(1, Elem::I32), gradients = b.buffer(2), weights;
  Num smoothing = b.scalarF32(0), inverse = b.scalarF32(1), meanWeight;
  if (weighted) {
    weights = b.buffer(3);
    meanWeight = b.sumRow(classes, [&](Num offset, Num mask) {
      return b.loadVector(weights[offset], mask);
    }) * (1.0 / classes);
  }
  b.forTaskRows(b.integer(0), rowBlock, [&](Num r) {
    Num label = b.load(labels[r]);
    Ptr row = logits[r * classes], target = gradients[r * classes];
    b.ifElse(
        label == ignored,
        [&] {
          b.forVectors(classes, [&](Num offset, Num mask) {
            b.storeVector(b.vec(0), target[offset], mask);
          });
        },
        [&] {
          auto [top, sum] = softmaxTerms(b, row, classes);
          Num scale = 1.0 / sum, uniform = smoothing * (1.0 / classes);
          Num at = b.toI64(label), hit = 1.0 - smoothing, own = b.exp(b.load(row[at]) - top);
          if (weighted) {
            hit = hit * b.load(weights[at]);
            scale = scale * (hit + smoothing * meanWeight);
            own = own * scale - uniform * b.load(weights[at]) - hit;
          } else {
            own = own * scale - uniform - hit;
          }
          b.forVectors(classes, [&](Num offset, Num mask) {
            Num p = b.exp(b.loadVector(row[offset], mask) - top) * scale;
            Num even = weighted ? uniform * b.loadVector(weights[offset], mask) : uniform;
            b.storeVector((p - even) * inverse, target[offset], mask);
          });
          b.store(own * inverse, target[at]);
        });
  });
}

} // namespace ftc::cpu
