// wgrad: a task owns a block of dW (input features times a group of panels) and adds blocks of
// rows in order, both operands packed so that the register tile reads contiguous memory.
#include "compiler/targets/cpu/kernels/Linear.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

namespace {

/// A task's block of dW, and the rows packed at a time; features are a multiple of every
/// tile's rows. Large blocks read X and dY less often, small ones keep more threads busy.
struct Blocking {
  Blocking(const LinearWeightGrad &spec, const CpuIsa &isa) {
    std::int64_t width = isa.panelWidth(spec.out);
    std::int64_t panels = ceilDiv(spec.out, width);
    tileRows = isa.rowsFor(width);
    bool large = ceilDiv(spec.in, 384) * ceilDiv(panels, 8) >= 8;
    features = large ? 384 : 192;
    groupPanels = large ? 8 : 4;
    tokens = large ? 128 : 256;
    groups = ceilDiv(panels, groupPanels);
    // Off powers of two, at which packed tiles of X would share cache sets.
    tileStride = tokens * tileRows + 16;
    packedInput = features / tileRows * tileStride;
  }
  std::int64_t features, groupPanels, tokens, groups;
  int tileRows;             ///< input features of a register tile
  std::int64_t tileStride;  ///< elements between packed tiles of X
  std::int64_t packedInput; ///< elements of all tiles
};

} // namespace

std::string LinearWeightGrad::key(const CpuIsa &isa) const {
  return "wgrad_k" + std::to_string(in) + "_n" + std::to_string(out) + (bias ? "_bias_" : "_") +
         isa.suffix;
}

IntExpr LinearWeightGrad::grid(const CpuIsa &isa) const {
  Blocking block(*this, isa);
  return {ceilDiv(in, block.features) * block.groups, {}};
}

std::int64_t LinearWeightGrad::scratchBytes(const CpuIsa &isa) const {
  Blocking block(*this, isa);
  return 4 * (block.packedInput + block.groupPanels * block.tokens * isa.panelWidth(out)) + 64;
}

IntExpr LinearWeightGrad::flops() const { return {0, {{0, 1, 2 * in * out}}}; }

namespace {

class WeightGradEmitter {
public:
  WeightGradEmitter(KernelBuilder &b, const LinearWeightGrad &spec)
      : b(b), spec(spec), block(spec, b.isa) {
    x = b.buffer(0);
    dy = b.buffer(1);
    dw = b.buffer(2);
    if (spec.bias)
      dbias = b.buffer(3);
    tokens = b.integer(0);
    accumulate = b.integer(1);
    width = b.isa.panelWidth(spec.out);
    vectors = width / b.isa.lanes;
    panels = ceilDiv(spec.out, width);
    left = b.scratch();
    right = b.scratch(4 * block.packedInput);
  }

  void emit() {
    b.forTasks([&](Num task) {
      Num firstFeature = task / block.groups * block.features;
      Num features = b.min(b.i64(block.features), spec.in - firstFeature);
      Num firstPanel = task % block.groups * block.groupPanels;
      Num panelCount = b.min(b.i64(block.groupPanels), panels - firstPanel);
      // At least one pass, which with no rows writes the zeros.
      b.loop(0, b.max(tokens, b.i64(1)), block.tokens, [&](Num token) {
        Num count = b.min(b.i64(block.tokens), tokens - token);
        Num fresh = (token == 0) & (accumulate == 0);
        packRows(token, count, firstFeature, features);
        b.loop(0, panelCount, 1, [&](Num p) {
          packPanel(token, count, firstPanel + p, p, (firstFeature == 0), fresh);
          b.loop(0, features, block.tileRows, [&](Num feature) {
            tile(firstPanel + p, p, firstFeature, feature, count, fresh);
          });
        });
      });
    });
  }

private:
  /// X[token.., firstFeature..] to tiles of [t][tileRows], four features at a time.
  void packRows(Num token, Num count, Num firstFeature, Num features) {
    std::int64_t tileRows = block.tileRows, units = tileRows / 4;
    auto target = [&](Num unit, Num t) {
      return left[unit / units * block.tileStride + t * tileRows + unit % units * 4];
    };
    Num whole = features / 4;
    Num wide = whole / 4 * 4;
    b.loop(0, count, 1, [&](Num t) {
      Ptr source = x[(token + t) * spec.in + firstFeature];
      b.loop(0, wide, 4, [&](Num unit) {
        for (int i = 0; i < 4; ++i)
          b.storeVector(b.loadVector(source[(unit + i) * 4], 4), target(unit + i, t));
      });
      b.loop(wide, whole, 1, [&](Num unit) {
        b.storeVector(b.loadVector(source[unit * 4], 4), target(unit, t));
      });
      if (spec.in % 4)
        b.loop(whole * 4, features, 1,
               [&](Num i) { b.store(b.load(source[i]), target(i / 4, t)[i % 4]); });
    });
  }

  /// One panel's columns of dY to [t][width], and their sums to dbias.
  void packPanel(Num token, Num count, Num panel, Num slot, Num owner, Num fresh) {
    Ptr target = right[slot * (block.tokens * width)];
    Num column = panel * width;
    Nums masks;
    for (int v = 0; v < vectors; ++v)
      masks.push_back(spec.out % width ? b.firstLanes(spec.out - column - v * b.isa.lanes)
                                       : Num{});
    Nums zeros(vectors, b.vec(0));
    Nums sums = b.loop(0, count, 1, zeros, [&](Num t, const Nums &carried) {
      Nums next;
      for (int v = 0; v < vectors; ++v) {
        std::int64_t skip = v * b.isa.lanes;
        Num value = b.loadVector(dy[(token + t) * spec.out + column + skip], masks[v]);
        b.storeVector(value, target[t * width + skip]);
        next.push_back(carried[v] + value);
      }
      return next;
    });
    if (!spec.bias)
      return;
    b.ifThen(owner, [&] {
      for (int v = 0; v < vectors; ++v) {
        Ptr at = dbias[column + v * b.isa.lanes];
        Num before = b.select(fresh, b.vec(0), b.loadVector(at, masks[v]));
        b.storeVector(before + sums[v], at, masks[v]);
      }
    });
  }

  void tile(Num panel, Num slot, Num firstFeature, Num feature, Num count, Num fresh) {
    int tileRows = block.tileRows;
    Num row = firstFeature + feature;
    Ptr target = dw[(panel * spec.in + row) * width];
    auto guarded = [&](int r, const std::function<void()> &body) {
      if (spec.in % tileRows && r > 0)
        b.ifThen(row + r < spec.in, body);
      else
        body();
    };
    Nums sums(tileRows * vectors, b.vec(0));
    sums = b.choose(
        fresh, [&] { return sums; },
        [&] {
          Nums loaded;
          for (int r = 0; r < tileRows; ++r)
            for (int v = 0; v < vectors; ++v) {
              Num safe =
                  spec.in % tileRows ? b.min(row + r, b.i64(spec.in - 1)) - row : b.i64(r);
              loaded.push_back(b.loadVector(target[safe * width + v * b.isa.lanes]));
            }
          return loaded;
        });
    TileRows a;
    a.base = left[feature / tileRows * block.tileStride];
    a.rowStride = 1;
    a.kStride = tileRows;
    sums = emitTile(b, tileRows, vectors, a, right[slot * (block.tokens * width)], width, count,
                    -1, sums);
    for (int r = 0; r < tileRows; ++r)
      guarded(r, [&] {
        for (int v = 0; v < vectors; ++v)
          b.storeVector(sums[r * vectors + v], target[r * width + v * b.isa.lanes]);
      });
  }

  KernelBuilder &b;
  const LinearWeightGrad &spec;
  Ptr x, dy, dw, dbias, left, right;
  Num tokens, accumulate;
  Blocking block;
  std::int64_t width, panels;
  int vectors;
};

} // namespace

void LinearWeightGrad::emit(KernelBuilder &b) const { WeightGradEmitter(b, *this).emit(); }

} // namespace ftc::cpu
