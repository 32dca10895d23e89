// One query a row over cached keys and values: dot products, softmax, weighted sum.
#include "compiler/targets/cpu/kernels/Attention.h"

#include "compiler/targets/cpu/KernelBuilder.h"
#include "compiler/targets/cpu/kernels/RelativeBias.h"

#include <bit>
#include <cmath>

namespace ftc::cpu {

std::string CachedAttention::key(const CpuIsa &isa) const {
  std::string name = "cached_attention_h" + std::to_string(heads) + "_g" +
                     std::to_string(kvHeads) + "_d" + std::to_string(headDim) + "_c" +
                     std::to_string(maxKeys);
  if (scale != 0)
    name += "_s" + std::to_string(std::bit_cast<std::uint32_t>(float(scale)));
  if (window)
    name += "_w" + std::to_string(window);
  if (buckets)
    name += "_b" + std::to_string(buckets) + "_" + std::to_string(maxDistance);
  return name + "_" + isa.suffix;
}

IntExpr CachedAttention::grid(const CpuIsa &) const { return {0, {{0, 1, heads}}}; }

std::int64_t CachedAttention::scratchBytes(const CpuIsa &isa) const {
  return 4 * (maxKeys + isa.lanes) + 64;
}

void CachedAttention::emit(KernelBuilder &b) const {
  Ptr q = b.buffer(0), keyCache = b.buffer(1), valueCache = b.buffer(2);
  Ptr offsets = b.buffer(3, Elem::I32), entries = b.buffer(4, Elem::I32), out = b.buffer(5);
  Ptr line = b.scratch();
  double factor = scale != 0 ? scale : 1.0 / std::sqrt(double(headDim));
  int lanes = b.isa.lanes;
  std::vector<BucketRun> runs =
      buckets ? bucketRuns(maxKeys, buckets, maxDistance) : std::vector<BucketRun>();
  b.forTasks([&](Num task) {
    Num row = task / heads, head = task % heads;
    Num begin = b.toI64(b.load(offsets[row])), end = b.toI64(b.load(offsets[row + 1]));
    Num count = window ? b.min(end - begin, b.i64(window)) : end - begin;
    Ptr own = entries[end - count];
    Num headAt = head / (heads / kvHeads) * headDim;
    auto cached = [&](Num j) {
      return b.toI64(b.load(own[j])) * (kvHeads * headDim) + headAt;
    };
    Ptr query = q[task * headDim], target = out[task * headDim];
    b.loop(0, count, 1, [&](Num j) {
      Ptr key = keyCache[cached(j)];
      Num dot = b.sumRow(headDim, [&](Num c, Num mask) {
        return b.loadVector(query[c], mask) * b.loadVector(key[c], mask);
      });
      b.store(dot * factor, line[j]);
    });
    // Entry count - 1 - distance, over the runs of distances that share a bucket.
    for (const BucketRun &run : runs) {
      Num first = count - b.min(b.i64(run.end), count), end = count - run.first;
      Num bias = b.load(b.buffer(6)[head + run.bucket * heads]);
      b.loop(first, end, 1, [&](Num j) { b.store(b.load(line[j]) + bias, line[j]); });
    }
    Num lowest = b.vec(-3.4028234663852886e38);
    Num top = b.maxAcross(b.loop(0, count, lanes, {lowest}, [&](Num j, const Nums &carried) {
      Num inside = b.lanesBefore(j, count);
      Num value = b.select(inside, b.loadVector(line[j], inside), lowest);
      return Nums{b.max(carried[0], value)};
    })[0]);
    Num sum = b.sumAcross(b.loop(0, count, lanes, {b.vec(0)}, [&](Num j, const Nums &carried) {
      Num inside = b.lanesBefore(j, count);
      Num value = b.exp(b.loadVector(line[j], inside) - top);
      value = b.select(inside, value, b.vec(0));
      b.storeVector(value, line[j]);
      return Nums{carried[0] + value};
    })[0]);
    Num inverse = b.select(count > 0, 1.0 / sum, b.f32(0));
    b.forVectors(headDim, [&](Num c, Num mask) {
      Num total = b.loop(0, count, 1, {b.vec(0)}, [&](Num j, const Nums &carried) {
        Num value = b.loadVector(valueCache[cached(j) + c], mask);
        return Nums{b.fma(b.splat(b.load(line[j])), value, carried[0])};
      })[0];
      b.storeVector(total * inverse, target[c], mask);
    });
  });
}

} // namespace ftc::cpu
