// T5's relative position bias inside attention's kernels: a head's column of the table spread
// over distances, so that a query's row of scores adds a contiguous slice of it, and the way
// back.
#pragma once

#include "compiler/targets/cpu/KernelBuilder.h"
#include "compiler/targets/cpu/kernels/Attention.h"

namespace ftc::cpu {

/// The bucket of a distance >= 0 among `buckets` of one direction: in f32, as transformers'
/// T5Attention._relative_position_bucket.
std::int64_t relativeBucket(std::int64_t distance, std::int64_t buckets,
                            std::int64_t maxDistance);

/// Distances [first, end) of one direction share `bucket`.
struct BucketRun {
  std::int64_t first, end, bucket;
};

/// The runs of the distances [0, keys), in order.
std::vector<BucketRun> bucketRuns(std::int64_t keys, std::int64_t buckets,
                                  std::int64_t maxDistance);

/// A line in scratch holds one f32 a relative position j - p, from -maxKeys on: line[maxKeys +
/// j
/// - p]. Vectors that begin inside a sequence may reach over its end, never over the line's.
class RelativeBias {
public:
  RelativeBias(KernelBuilder &b, const AttentionShape &shape) : b(b), shape(shape) {}

  /// Elements of a line.
  static std::int64_t lineElements(const AttentionShape &shape) {
    return shape.buckets ? 2 * shape.maxKeys + 192 : 0;
  }
  /// line = table[bucket(j - p), head] for |j - p| < keys. `table` [buckets, heads].
  void spread(Ptr table, Num head, Num keys, Ptr line);
  /// Zeros wherever add() of a sequence of `keys` keys may reach.
  void clear(Num keys, Ptr line);
  /// line[maxKeys + j - position] as a vector from key j on.
  Num at(Ptr line, Num j, Num position) { return b.loadVector(place(line, j, position)); }
  void add(Ptr line, Num j, Num position, Num values) {
    Ptr p = place(line, j, position);
    b.storeVector(b.loadVector(p) + values, p);
  }
  /// table[bucket, head] = the sum of the line over the bucket's relative positions, by growing
  /// distance; 0 for buckets that no distance below `keys` has.
  void gather(Ptr line, Num head, Num keys, Ptr table);

private:
  std::vector<BucketRun> runs() const {
    return bucketRuns(shape.maxKeys, sideBuckets(), shape.maxDistance);
  }
  std::int64_t sideBuckets() const { return shape.causal ? shape.buckets : shape.buckets / 2; }
  Ptr place(Ptr line, Num j, Num position) {
    return line[j - b.toI64(position) + shape.maxKeys];
  }

  KernelBuilder &b;
  const AttentionShape &shape;
};

} // namespace ftc::cpu
