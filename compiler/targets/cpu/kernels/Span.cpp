// A vector holds half as many tokens as lanes, start and end scores in turn: both softmaxes in
// one pass. Reductions begin at the sequence's first row, so bits do not depend on the batch.
#include "compiler/targets/cpu/kernels/Span.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr int ignored = -100;
static constexpr double lowest = -3.4028234663852886e38;

namespace {

/// The two softmaxes of one sequence: `count` floats at `row`.
class SpanSoftmax {
public:
  SpanSoftmax(KernelBuilder &b, Ptr row, Num count)
      : b(b), row(row), count(count), isStart((b.laneIndex() & 1) == 0) {
    Num highest =
        reduce(lowest, [](Num x) { return x; }, [&](Num x, Num y) { return b.max(x, y); });
    startTop = column(highest, 0, [&](Num x, Num y) { return b.max(x, y); });
    endTop = column(highest, 1, [&](Num x, Num y) { return b.max(x, y); });
    Num top = tops();
    auto add = [](Num x, Num y) { return x + y; };
    Num sums = reduce(0.0, [&](Num x) { return b.exp(x - top); }, add);
    startSum = column(sums, 0, add);
    endSum = column(sums, 1, add);
  }

  /// The start column's value on even lanes, the end column's on odd ones.
  Num alternate(Num start, Num end) { return b.select(isStart, b.splat(start), b.splat(end)); }
  Num tops() { return alternate(startTop, endTop); }

  Num startTop, endTop, startSum, endSum;

private:
  Num reduce(double identity, const std::function<Num(Num)> &term,
             const std::function<Num(Num, Num)> &combine) {
    Num none = b.vec(identity);
    return b.loop(0, count, b.isa.lanes, {none}, [&](Num at, const Nums &carried) {
      Num mask = b.lanesBefore(at, count);
      Num value = b.select(mask, term(b.loadVector(row[at], mask)), none);
      return Nums{combine(carried[0], value)};
    })[0];
  }

  /// Reduces every second lane, from `first`.
  Num column(Num vector, int first, const std::function<Num(Num, Num)> &combine) {
    std::vector<std::int64_t> lanes;
    for (int lane = first; lane < b.isa.lanes; lane += 2)
      lanes.push_back(lane);
    return b.across(b.shuffle(vector, vector, lanes), combine);
  }

  KernelBuilder &b;
  Ptr row;
  Num count, isStart;
};

/// Rows of sequence s: where its floats begin and how many there are.
struct Extent {
  Extent(KernelBuilder &b, Ptr offsets, Num s)
      : begin(b.toI64(b.load(offsets[s])) * 2),
        count(b.toI64(b.load(offsets[s + 1])) * 2 - begin) {}
  Num begin, count;
};

} // namespace

std::string SpanLoss::key(const CpuIsa &isa) const {
  return std::string("span_loss_") + isa.suffix;
}
IntExpr SpanLoss::grid(const CpuIsa &) const { return {0, {{0, 1, 1}}}; }

void SpanLoss::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), offsets = b.buffer(1, Elem::I32);
  Ptr starts = b.buffer(2, Elem::I32), ends = b.buffer(3, Elem::I32), losses = b.buffer(4);
  b.forTasks([&](Num s) {
    Num start = b.load(starts[s]);
    b.ifElse(
        start == ignored, [&] { b.store(b.f32(0), losses[s]); },
        [&] {
          Extent extent(b, offsets, s);
          Ptr row = logits[extent.begin];
          SpanSoftmax softmax(b, row, extent.count);
          Num atStart = b.load(row[b.toI64(start) * 2]);
          Num atEnd = b.load(row[b.toI64(b.load(ends[s])) * 2 + 1]);
          // Differences from the maximum: no cancellation between large logits.
          Num startLoss = b.log(softmax.startSum) - (atStart - softmax.startTop);
          Num endLoss = b.log(softmax.endSum) - (atEnd - softmax.endTop);
          b.store((startLoss + endLoss) * 0.5, losses[s]);
        });
  });
}

std::string SpanLossGrad::key(const CpuIsa &isa) const {
  return std::string("span_loss_grad_") + isa.suffix;
}
IntExpr SpanLossGrad::grid(const CpuIsa &) const { return {0, {{0, 1, 1}}}; }

void SpanLossGrad::emit(KernelBuilder &b) const {
  Ptr logits = b.buffer(0), offsets = b.buffer(1, Elem::I32);
  Ptr starts = b.buffer(2, Elem::I32), ends = b.buffer(3, Elem::I32), gradients = b.buffer(4);
  Num half = b.scalarF32(0) * 0.5;
  b.forTasks([&](Num s) {
    Num start = b.load(starts[s]);
    Extent extent(b, offsets, s);
    Ptr row = logits[extent.begin], target = gradients[extent.begin];
    auto each = [&](const std::function<Num(Num, Num)> &value) {
      b.loop(0, extent.count, b.isa.lanes, [&](Num at) {
        Num mask = b.lanesBefore(at, extent.count);
        b.storeVector(value(at, mask), target[at], mask);
      });
    };
    b.ifElse(
        start == ignored, [&] { each([&](Num, Num) { return b.vec(0); }); },
        [&] {
          SpanSoftmax softmax(b, row, extent.count);
          Num top = softmax.tops();
          Num scale = softmax.alternate(half / softmax.startSum, half / softmax.endSum);
          each([&](Num at, Num mask) {
            return b.exp(b.loadVector(row[at], mask) - top) * scale;
          });
          for (Ptr own : {target[b.toI64(start) * 2], target[b.toI64(b.load(ends[s])) * 2 + 1]})
            b.store(b.load(own) - half, own);
        });
  });
}

} // namespace ftc::cpu
