// wgrad: a task owns a block of dW (input features times a group of panels) and adds blocks of
// rows in order, both operands packed so that the register tile reads contiguous memory. With
// an update the block lives in the task's scratch, and the last rows' tiles are followed by it.
#include "compiler/targets/cpu/kernels/Linear.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"

namespace ftc::cpu {

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

namespace {

constexpr std::int64_t leastTasks =
    6; ///< of a launch: large blocks are for weights with that many

/// Features packed together: whole tiles of every height, and whole vectors.
constexpr std::int64_t strip = 48;

/// A task's block of dW, and the rows packed at a time; features are a multiple of `strip`.
/// Large blocks read X and dY less often, small ones keep more threads busy. A step is what the
/// sum takes at once: a row, or a pair of them.
struct Blocking {
  Blocking(const LinearWeightGrad &spec, const CpuIsa &isa) {
    std::int64_t width = isa.panelWidth(spec.out);
    std::int64_t panels = ceilDiv(spec.out, width);
    tileRows = isa.rowsFor(width);
    struct Shape {
      std::int64_t features, panels, steps;
    };
    for (Shape shape : {Shape{384, 8, 128}, {384, 4, 256}, {192, 4, 256}}) {
      features = shape.features, groupPanels = shape.panels, steps = shape.steps;
      if (ceilDiv(spec.in, features) * ceilDiv(panels, groupPanels) >= leastTasks)
        break;
    }
    rowsOfStep = spec.pairs ? 2 : 1;
    groups = ceilDiv(panels, groupPanels);
    // Off powers of two, at which packed tiles of X would share cache sets.
    tileStride = steps * tileRows + 16;
    packedInput = features / tileRows * tileStride;
    packedRows = groupPanels * steps * width;
    ownFeatures = std::min(features, ceilDiv(spec.in, strip) * strip);
    gradients = spec.update ? groupPanels * ownFeatures * width : 0;
    biasGradients = spec.update && spec.bias ? groupPanels * width : 0;
  }
  std::int64_t features, groupPanels, groups;
  std::int64_t steps;                    ///< packed at a time
  std::int64_t rowsOfStep;               ///< 1, or 2 with pairs
  int tileRows;                          ///< input features of a register tile
  std::int64_t tileStride;               ///< elements between packed tiles of X
  std::int64_t packedInput;              ///< elements of all tiles
  std::int64_t packedRows;               ///< elements of all panels' columns of dY
  std::int64_t ownFeatures;              ///< of a panel's dW in scratch
  std::int64_t gradients, biasGradients; ///< elements of dW and dbias in scratch
};

} // namespace

std::string LinearWeightGrad::key(const CpuIsa &isa) const {
  return std::string(pairs ? "wgrad_pairs_" : "wgrad_") +
         (update ? updateRuleName(*update) + std::string("_k") : "k") + std::to_string(in) +
         "_n" + std::to_string(out) + (bias ? "_bias_" : "_") + isa.suffix;
}

IntExpr LinearWeightGrad::grid(const CpuIsa &isa) const {
  Blocking block(*this, isa);
  return {ceilDiv(in, block.features) * block.groups, {}};
}

std::int64_t LinearWeightGrad::scratchBytes(const CpuIsa &isa) const {
  Blocking block(*this, isa);
  return 4 * (block.packedInput + block.packedRows + block.gradients + block.biasGradients) +
         64;
}

IntExpr LinearWeightGrad::flops() const {
  return {update ? updateFlops(*update) * in * out : 0, {{0, 1, 2 * in * out}}};
}

namespace {

class WeightGradEmitter {
public:
  WeightGradEmitter(KernelBuilder &b, const LinearWeightGrad &spec)
      : b(b), spec(spec), block(spec, b.isa) {
    x = b.buffer(0);
    dy = b.buffer(1);
    tokens = b.integer(0);
    width = b.isa.panelWidth(spec.out);
    vectors = width / b.isa.lanes;
    panels = ceilDiv(spec.out, width);
    Elem packed = spec.pairs ? Elem::I32 : Elem::F32;
    left = b.scratch(0, packed);
    right = b.scratch(4 * block.packedInput, packed);
    if (spec.update)
      readUpdate();
    else
      readGradients();
  }

  void emit() {
    b.forTasks([&](Num task) {
      Num firstFeature = task / block.groups * block.features;
      Num features = b.min(b.i64(block.features), spec.in - firstFeature);
      Num firstPanel = task % block.groups * block.groupPanels;
      Num panelCount = b.min(b.i64(block.groupPanels), panels - firstPanel);
      // At least one pass, which with no rows writes the zeros.
      std::int64_t rows = block.steps * block.rowsOfStep;
      b.loop(0, b.max(tokens, b.i64(1)), rows, [&](Num token) {
        Num count = b.min(b.i64(rows), tokens - token);
        Num fresh = spec.update ? token == 0 : (token == 0) & (accumulate == 0);
        packRows(token, count, firstFeature, features);
        b.loop(0, panelCount, 1, [&](Num p) {
          packPanel(token, count, firstPanel + p, p, (firstFeature == 0), fresh);
          b.loop(0, features, block.tileRows, [&](Num feature) {
            tile(firstPanel + p, p, firstFeature, feature, count, fresh);
            prefetchNext(token, firstFeature, firstPanel, p, feature);
          });
          if (spec.update)
            b.ifThen(token + rows >= tokens,
                     [&] { updatePanel(firstPanel + p, p, firstFeature, features); });
        });
      });
    });
  }

private:
  /// What is updated by what, of the launch: weight and bias, each with its moments.
  struct Updated {
    std::vector<Ptr> places; ///< the parameter, then its moments
    Nums constants;
  };

  void readGradients() {
    dw = b.buffer(2);
    if (spec.bias)
      dbias = b.buffer(3);
    accumulate = b.integer(1);
  }

  void readUpdate() {
    dw = b.scratch(4 * (block.packedInput + block.packedRows));
    dbias = b.scratch(4 * (block.packedInput + block.packedRows + block.gradients));
    int places = 1 + momentCount(*spec.update);
    for (int k = 0; k < places; ++k)
      weight.places.push_back(b.buffer(2 + k));
    weight.constants = updateConstants(b, *spec.update, b.scalar(decayScalar(*spec.update)));
    if (!spec.bias)
      return;
    for (int k = 0; k < places; ++k)
      bias.places.push_back(b.buffer(2 + places + k));
    bias.constants = updateConstants(b, *spec.update, b.scalar(scalarCount(*spec.update)));
  }

  /// Updates `count` elements from `at` on by the gradients at `gradient`. A function of its
  /// own: its constants would otherwise take registers from the tile.
  void updateRange(const Updated &updated, Num at, Num count, Ptr gradient) {
    std::vector<Ptr> pointers{gradient};
    for (Ptr place : updated.places)
      pointers.push_back(place[at]);
    Nums numbers{count};
    numbers.insert(numbers.end(), updated.constants.begin(), updated.constants.end());
    b.outline(
        "update", pointers, numbers, [&](const std::vector<Ptr> &own, const Nums &values) {
          b.forVectorsDynamic(b.i64(0), values[0], [&](Num element, Num mask) {
            std::vector<Ptr> moments;
            for (std::size_t k = 2; k < own.size(); ++k)
              moments.push_back(own[k][element]);
            updateElements(b, *spec.update, Nums(values.begin() + 1, values.end()),
                           own[1][element], moments, mask, b.loadVector(own[0][element], mask));
          });
        });
  }

  /// The task's features of a panel, which lie side by side, and the panel's columns of the
  /// bias where the task owns them.
  void updatePanel(Num panel, Num slot, Num firstFeature, Num features) {
    updateRange(weight, (panel * spec.in + firstFeature) * width, features * width,
                dw[slot * (block.ownFeatures * width)]);
    if (spec.bias)
      b.ifThen(firstFeature == 0, [&] {
        Num column = panel * width;
        updateRange(bias, column, b.min(b.i64(width), spec.out - column), dbias[slot * width]);
      });
  }

  /// Where a panel's columns of dbias are summed.
  Ptr biasSums(Num panel, Num slot) {
    return dbias[spec.update ? slot * width : panel * width];
  }

  /// Where feature `feature` of the task's, of a panel, is summed: [features][width].
  Ptr gradients(Num panel, Num slot, Num firstFeature, Num feature) {
    return spec.update ? dw[(slot * block.ownFeatures + feature) * width]
                       : dw[(panel * spec.in + firstFeature + feature) * width];
  }

  /// Calls body(step, row, second) for the steps of `count` rows: `second` says whether the
  /// step has its second row (null without pairs).
  Nums forSteps(Num count, const Nums &init,
                const std::function<Nums(Num, Num, Num, const Nums &)> &body) {
    if (!spec.pairs)
      return b.loop(0, count, 1, init,
                    [&](Num t, const Nums &carried) { return body(t, t, Num{}, carried); });
    return b.loop(0, (count + 1) / 2, 1, init, [&](Num step, const Nums &carried) {
      Num row = step * 2;
      return body(step, row, row + 1 < count, carried);
    });
  }

  /// X[token.., firstFeature..] to tiles of [step][tileRows], a strip of features at a time.
  void packRows(Num token, Num count, Num firstFeature, Num features) {
    std::int64_t tileRows = block.tileRows, lanes = b.isa.lanes;
    constexpr std::int64_t part = 4; // divides every tile's rows
    Num whole = features / strip * strip;
    forSteps(count, {}, [&](Num step, Num row, Num second, const Nums &) {
      Ptr source = x[(token + row) * spec.in + firstFeature];
      auto pack = [&](Num feature, bool masked) {
        Ptr target = left[feature / tileRows * block.tileStride + step * tileRows];
        for (std::int64_t at = 0; at < strip; at += lanes) {
          Num mask = masked ? b.firstLanes(features - feature - at) : Num{};
          Num line = loadStep(b, source[feature + at], spec.in, second, mask);
          for (std::int64_t i = 0; i < lanes; i += part) {
            std::vector<std::int64_t> own;
            for (std::int64_t lane = i; lane < i + part; ++lane)
              own.push_back(lane);
            b.storeVector(b.shuffle(line, line, own),
                          target[(at + i) / tileRows * block.tileStride + (at + i) % tileRows]);
          }
        }
      };
      b.loop(0, whole, strip, [&](Num feature) { pack(feature, false); });
      if (spec.in % strip)
        b.ifThen(whole < features, [&] { pack(whole, true); });
      return Nums{};
    });
  }

  /// One panel's columns of dY to [step][width], and their sums to dbias.
  void packPanel(Num token, Num count, Num panel, Num slot, Num owner, Num fresh) {
    Ptr target = right[slot * (block.steps * width)];
    Num column = panel * width;
    Nums masks;
    for (int v = 0; v < vectors; ++v)
      masks.push_back(spec.out % width ? b.firstLanes(spec.out - column - v * b.isa.lanes)
                                       : Num{});
    Nums zeros(vectors, b.vec(0));
    Nums sums = forSteps(count, zeros, [&](Num step, Num row, Num second, const Nums &carried) {
      Nums next;
      Num behind = second ? b.select(second, b.i64(spec.out), b.i64(0)) : Num{};
      for (int v = 0; v < vectors; ++v) {
        std::int64_t skip = v * b.isa.lanes;
        Ptr from = dy[(token + row) * spec.out + column + skip];
        Num value = b.loadVector(from, masks[v]);
        next.push_back(carried[v] + value);
        if (second) {
          Num other = b.select(second, b.loadVector(from[behind], masks[v]), b.vec(0));
          next[v] = next[v] + other;
          value = b.interleaved(value, other);
        }
        b.storeVector(value, target[step * width + skip]);
      }
      return next;
    });
    if (!spec.bias)
      return;
    b.ifThen(owner, [&] {
      for (int v = 0; v < vectors; ++v) {
        Ptr at = biasSums(panel, slot)[v * b.isa.lanes];
        Num before = b.select(fresh, b.vec(0), b.loadVector(at, masks[v]));
        b.storeVector(before + sums[v], at, masks[v]);
      }
    });
  }

  /// What is packed next is far apart in memory: a few lines a tile are fetched while it is
  /// computed. Of dY the next panel's, of X the next block's of rows.
  void prefetchNext(Num token, Num firstFeature, Num firstPanel, Num slot, Num feature) {
    std::int64_t rows = block.steps * block.rowsOfStep;
    std::int64_t tiles = block.features / block.tileRows;
    std::int64_t share = ceilDiv(rows, tiles); // rows of dY a tile
    Num at = token + feature / block.tileRows * share;
    b.ifThen(at < tokens, [&] {
      for (std::int64_t r = 0; r < share; ++r)
        prefetchLines(b, dy, (at + r) * spec.out + (firstPanel + slot + 1) * width, width);
    });
    // All panels' tiles together cover the next block of X.
    std::int64_t lines = ceilDiv(block.features, lineElements);
    std::int64_t own = ceilDiv(rows * lines, tiles * block.groupPanels);
    b.ifThen(token + rows < tokens, [&] {
      Num first = (slot * tiles + feature / block.tileRows) * own;
      for (std::int64_t i = 0; i < own; ++i) {
        Num index = first + i;
        b.prefetch(x[(token + rows + index / lines) * spec.in + firstFeature +
                     index % lines * lineElements]);
      }
    });
  }

  void tile(Num panel, Num slot, Num firstFeature, Num feature, Num count, Num fresh) {
    int tileRows = block.tileRows;
    Num row = firstFeature + feature;
    Ptr target = gradients(panel, slot, firstFeature, feature);
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
    Num steps = spec.pairs ? (count + 1) / 2 : count;
    sums = emitTile(b, tileRows, vectors, a, right[slot * (block.steps * width)], width, steps,
                    -1, sums);
    for (int r = 0; r < tileRows; ++r)
      guarded(r, [&] {
        for (int v = 0; v < vectors; ++v)
          b.storeVector(sums[r * vectors + v], target[r * width + v * b.isa.lanes]);
      });
  }

  KernelBuilder &b;
  const LinearWeightGrad &spec;
  Ptr x, dy, dw, dbias, left, right; ///< with an update, dw and dbias are in scratch
  Updated weight, bias;
  Num tokens, accumulate;
  Blocking block;
  std::int64_t width, panels;
  int vectors;
};

} // namespace

void LinearWeightGrad::emit(KernelBuilder &b) const { WeightGradEmitter(b, *this).emit(); }

} // namespace ftc::cpu
