// Buckets are known when the kernel is made: a run of distances a bucket, for both directions.
#include "compiler/targets/cpu/kernels/RelativeBias.h"

#include <algorithm>
#include <cmath>

namespace ftc::cpu {

std::int64_t relativeBucket(std::int64_t distance, std::int64_t buckets,
                            std::int64_t maxDistance) {
  std::int64_t exact = buckets / 2;
  if (distance < exact)
    return distance;
  float ratio = std::log(static_cast<float>(distance) / static_cast<float>(exact));
  auto span = static_cast<float>(
      std::log(static_cast<double>(maxDistance) / static_cast<double>(exact)));
  float shared = ratio / span * static_cast<float>(buckets - exact);
  return std::min(exact + static_cast<std::int64_t>(shared), buckets - 1);
}

std::vector<BucketRun> bucketRuns(std::int64_t keys, std::int64_t buckets,
                                  std::int64_t maxDistance) {
  std::vector<BucketRun> list;
  for (std::int64_t distance = 0; distance < keys; ++distance) {
    std::int64_t bucket = relativeBucket(distance, buckets, maxDistance);
    if (list.empty() || list.back().bucket != bucket)
      list.push_back({distance, distance, bucket});
    list.back().end = distance + 1;
  }
  return list;
}

void RelativeBias::spread(Ptr table, Num head, Num keys, Ptr line) {
  auto fill = [&](Num value, Num from, Num to) {
    b.loop(from, to, 1, [&](Num i) { b.store(value, line[i]); });
  };
  for (const BucketRun &run : runs()) {
    Num first = b.i64(run.first), end = b.min(b.i64(run.end), keys);
    Num before = b.load(table[head + run.bucket * shape.heads]);
    // j - p = -distance.
    fill(before, shape.maxKeys + 1 - end, shape.maxKeys + 1 - first);
    if (shape.causal)
      continue;
    Num behind = b.load(table[head + (run.bucket + sideBuckets()) * shape.heads]);
    fill(behind, shape.maxKeys + b.max(first, b.i64(1)), shape.maxKeys + end);
  }
}

void RelativeBias::clear(Num keys, Ptr line) {
  // Behind the last key whole vectors and dropout's blocks of 64 follow.
  b.loop(shape.maxKeys - keys, shape.maxKeys + keys + 128, b.isa.lanes,
         [&](Num i) { b.storeVector(b.vec(0), line[i]); });
}

void RelativeBias::gather(Ptr line, Num head, Num keys, Ptr table) {
  b.loop(0, shape.buckets, 1,
         [&](Num bucket) { b.store(b.f32(0), table[head + bucket * shape.heads]); });
  auto sum = [&](Num from, Num to, int direction) {
    return b.loop(from, to, 1, {b.f32(0)}, [&](Num distance, const Nums &carried) {
      Num at = direction < 0 ? shape.maxKeys - distance : shape.maxKeys + distance;
      return Nums{carried[0] + b.load(line[at])};
    })[0];
  };
  for (const BucketRun &run : runs()) {
    Num end = b.min(b.i64(run.end), keys);
    b.store(sum(b.i64(run.first), end, -1), table[head + run.bucket * shape.heads]);
    if (!shape.causal)
      b.store(sum(b.i64(std::max<std::int64_t>(run.first, 1)), end, 1),
              table[head + (run.bucket + sideBuckets()) * shape.heads]);
  }
}

} // namespace ftc::cpu
