// Attention forward and backward against f64 references, over ragged batches with odd sizes,
// cross attention, causality, grouped heads, dropout; bits under splits and in company.
#include "compiler/targets/cpu/kernels/Attention.h"

#include "compiler/targets/cpu/kernels/RelativeBias.h"
#include "test/kernels/KernelHarness.h"
#include "test/kernels/ReferenceMath.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

/// A ragged batch: query and key lengths by sequence.
struct Batch {
  std::vector<int> queries, keys;

  Ints offsets(const std::vector<int> &lengths) const {
    Ints result(lengths.size() + 1);
    for (std::size_t s = 0; s < lengths.size(); ++s)
      result[s + 1] = result[s] + lengths[s];
    return result;
  }
  int rows(const std::vector<int> &lengths) const {
    int sum = 0;
    for (int length : lengths)
      sum += length;
    return sum;
  }
};

struct Case {
  AttentionShape shape;
  Batch batch;
  double p = 0;
};

AttentionShape shapeOf(int heads, int kvHeads, int headDim, bool causal = false,
                       int window = 0) {
  AttentionShape shape;
  shape.window = window;
  shape.heads = heads, shape.kvHeads = kvHeads, shape.headDim = headDim;
  shape.causal = causal;
  shape.maxKeys = 130;
  return shape;
}

const unsigned seed = 11, step = 3, opId = 77;

/// Everything a launch reads, and the reference's results in f64. With pairs the factors of
/// each product are rounded where the kernels round them.
struct Problem {
  explicit Problem(const Case &c) : c(c) {
    const AttentionShape &shape = c.shape;
    queryOffsets = c.batch.offsets(c.batch.queries);
    keyOffsets = c.batch.offsets(c.batch.keys);
    int tq = c.batch.rows(c.batch.queries), tk = c.batch.rows(c.batch.keys);
    dense = shape.heads * shape.headDim;
    q = randomFloats(tq * shape.queryRow(), 1, 2), k = randomFloats(tk * shape.keyRow(), 2, 2);
    v = randomFloats(tk * shape.keyRow(), 3), dout = randomFloats(tq * dense, 4);
    sequenceIds = Ints(c.batch.queries.size());
    positions = Ints(tq);
    for (std::size_t s = 0; s < c.batch.queries.size(); ++s) {
      sequenceIds[s] = int(s) + 5;
      // Queries are the last ones of their sequence, as in decoding.
      for (int i = queryOffsets[s]; i < queryOffsets[s + 1]; ++i)
        positions[i] = std::max(0, c.batch.keys[s] - c.batch.queries[s]) + i - queryOffsets[s];
    }
    bias = randomFloats(shape.buckets * shape.heads, 12, 2);
    partial.assign(c.batch.queries.size() * bias.size(), 0), dbias.assign(bias.size(), 0);
    out.assign(tq * dense, 0), lse.assign(tq * shape.heads, 0);
    dq.assign(q.size(), 0), dk.assign(k.size(), 0), dv.assign(v.size(), 0);
    for (std::size_t s = 0; s < c.batch.queries.size(); ++s)
      for (int head = 0; head < shape.heads; ++head)
        for (int i = queryOffsets[s]; i < queryOffsets[s + 1]; ++i)
          reference(s, head, i);
  }

  void reference(std::size_t s, int head, int i) {
    const AttentionShape &shape = c.shape;
    int d = shape.headDim, kvHead = head / (shape.heads / shape.kvHeads);
    int count = c.batch.keys[s], first = keyOffsets[s], from = 0;
    if (shape.causal)
      count = std::min(count, positions[i] + 1);
    if (shape.window) {
      count = std::min<int>(count, positions[i] + shape.window);
      from = std::max<int>(0, positions[i] - shape.window + 1);
    }
    if (from >= count)
      return;
    double scale = shape.scaleOrDefault(), top = -1e300, sum = 0;
    auto factor = [&](double x) {
      return shape.pairs ? double(roundedToBf16(static_cast<float>(x))) : x;
    };
    std::vector<double> scores(count), z(count), p(count), dp(count);
    auto queryAt = [&](int e) { return i * shape.queryRow() + head * d + e; };
    auto keyAt = [&](int j, int e) { return (first + j) * shape.keyRow() + kvHead * d + e; };
    for (int j = from; j < count; ++j) {
      for (int e = 0; e < d; ++e)
        scores[j] += scale * factor(q[queryAt(e)]) * factor(k[keyAt(j, e)]);
      if (shape.buckets)
        scores[j] += bias[biasAt(j, i, head)];
      top = std::max(top, scores[j]);
    }
    for (int j = from; j < count; ++j)
      sum += std::exp(scores[j] - top);
    lse[i * shape.heads + head] = top + std::log(sum);
    double delta = 0;
    for (int j = from; j < count; ++j) {
      p[j] = std::exp(scores[j] - top) / sum;
      z[j] = dropoutFactor(c.p, seed, step, opId, head, sequenceIds[s], positions[i], j);
      for (int e = 0; e < d; ++e) {
        int at = i * dense + head * d + e;
        // The forward divides by the sum behind its product.
        out[at] += factor(p[j] * sum * z[j]) / sum * factor(v[keyAt(j, e)]);
        dp[j] += z[j] * factor(dout[at]) * factor(v[keyAt(j, e)]);
        dv[keyAt(j, e)] += factor(p[j] * z[j]) * factor(dout[at]);
      }
    }
    for (int e = 0; e < d; ++e)
      delta += dout[i * dense + head * d + e] * out[i * dense + head * d + e];
    for (int j = from; j < count && shape.buckets; ++j) {
      double ds = p[j] * (dp[j] - delta);
      dbias[biasAt(j, i, head)] += ds;
      partial[s * bias.size() + biasAt(j, i, head)] += ds;
    }
    for (int j = from; j < count; ++j)
      for (int e = 0; e < d; ++e) {
        double ds = factor(p[j] * (dp[j] - delta) * scale);
        dq[queryAt(e)] += ds * factor(k[keyAt(j, e)]);
        dk[keyAt(j, e)] += ds * factor(q[queryAt(e)]);
      }
  }

  /// Where query row i and key j read the table.
  std::size_t biasAt(int j, int i, int head) const {
    std::int64_t relative = j - positions[i];
    std::int64_t side = c.shape.causal ? c.shape.buckets : c.shape.buckets / 2;
    std::int64_t bucket = relativeBucket(std::abs(relative), side, c.shape.maxDistance);
    return (bucket + (relative > 0 ? side : 0)) * c.shape.heads + head;
  }

  Case c;
  Ints queryOffsets, keyOffsets, sequenceIds, positions;
  Floats q, k, v, dout, bias;
  std::vector<double> out, lse, dq, dk, dv, partial, dbias;
  std::int64_t dense = 0;
};

std::vector<Case> cases() {
  Batch self{{5, 1, 37, 0, 130, 24}, {5, 1, 37, 0, 130, 24}};
  Batch cross{{3, 0, 26, 1, 4}, {65, 7, 1, 128, 0}};
  AttentionShape strided = shapeOf(2, 2, 16);
  strided.queryStride = 100, strided.keyStride = 70;
  return {{shapeOf(3, 3, 32), self},
          {shapeOf(2, 2, 64), self, 0.1},
          {shapeOf(2, 2, 12), self},
          {shapeOf(2, 1, 8, true), self, 0.3},
          {shapeOf(1, 1, 5), cross},
          {shapeOf(4, 2, 24), cross, 0.5},
          {shapeOf(1, 1, 1), cross},
          {shapeOf(2, 2, 40, true), self},
          {strided, self},
          {shapeOf(1, 1, 80), cross, 0.1},
          {shapeOf(2, 1, 16, true, 1), self},
          {shapeOf(2, 2, 24, true, 30), self, 0.2},
          {shapeOf(1, 1, 8, true, 64), self},
          {shapeOf(4, 2, 12, false, 17), self, 0.3},
          {shapeOf(2, 2, 8, false, 3), cross, 0.1},
          {shapeOf(1, 1, 40, true, 7), cross}};
}

// Sums of up to 130 f32 products of size about d, exponentials of 2 ulp, scores to 1e-5.
const double tolerance = 3e-5;

/// A probability or slope beside the middle of two bf16 may be rounded the other way: 2^-8 of a
/// term.
const double pairTolerance = 4e-3;

void expectNear(const Floats &actual, const std::vector<double> &expected, const char *what,
                const std::string &key, double near = tolerance) {
  ASSERT_TRUE(actual.intact()) << key << " " << what;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], near * (1 + std::abs(expected[i])))
        << key << " " << what << " element " << i;
}

} // namespace

static void forwardAndBackward(const std::vector<const CpuIsa *> &isas, bool pairs) {
  double near = pairs ? pairTolerance : tolerance;
  for (const CpuIsa *isa : isas)
    for (Case c : cases()) {
      c.shape.pairs = pairs;
      Problem problem(c);
      auto forward = std::make_shared<Attention>();
      auto backward = std::make_shared<AttentionGrad>();
      forward->shape = backward->shape = c.shape;
      KernelLibrary library({forward, backward}, *isa);
      std::vector<std::int64_t> ints{std::int64_t(c.batch.queries.size()), seed, step, opId};
      Problem &x = problem;
      Floats out[2], lse[2], dq[2], dk[2], dv[2];
      for (int split = 0; split < 2; ++split) {
        Split how = split ? Split::Pieces : Split::Whole;
        out[split] = randomFloats(x.out.size(), 6), lse[split] = randomFloats(x.lse.size(), 7);
        dq[split] = randomFloats(x.dq.size(), 8);
        dk[split] = randomFloats(x.dk.size(), 9), dv[split] = randomFloats(x.dv.size(), 9);
        // Columns between strided rows belong to others: they are compared with zeros below.
        if (c.shape.queryStride)
          dq[split] = Floats(x.dq.size());
        if (c.shape.keyStride)
          dk[split] = Floats(x.dk.size()), dv[split] = Floats(x.dv.size());
        library.run(*forward,
                    {x.q.data(), x.k.data(), x.v.data(), x.queryOffsets.data(),
                     x.keyOffsets.data(), x.sequenceIds.data(), x.positions.data(),
                     out[split].data(), lse[split].data()},
                    ints, {c.p}, how);
        library.run(*backward,
                    {x.dout.data(), x.q.data(), x.k.data(), x.v.data(), out[split].data(),
                     lse[split].data(), x.queryOffsets.data(), x.keyOffsets.data(),
                     x.sequenceIds.data(), x.positions.data(), dq[split].data(),
                     dk[split].data(), dv[split].data()},
                    ints, {c.p}, how);
      }
      std::string key = forward->key(*isa);
      ASSERT_TRUE(out[0] == out[1] && lse[0] == lse[1]) << key << ": split changes bits";
      ASSERT_TRUE(dq[0] == dq[1] && dk[0] == dk[1] && dv[0] == dv[1]) << key << ": split";
      expectNear(out[0], x.out, "out", key, near);
      expectNear(lse[0], x.lse, "lse", key, near);
      expectNear(dq[0], x.dq, "dq", key, near);
      expectNear(dk[0], x.dk, "dk", key, near);
      expectNear(dv[0], x.dv, "dv", key, near);
    }
}

TEST(Attention, ForwardAndBackwardMatchReference) {
  forwardAndBackward(runnableIsas(), /*pairs=*/false);
}

TEST(Attention, PairsMatchReferenceOfRoundedFactors) {
  if (!canRun(isaV4Bf16()))
    GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  forwardAndBackward({&isaV4Bf16()}, /*pairs=*/true);
}

TEST(Attention, SequenceBitsDontDependOnCompany) {
  std::vector<const CpuIsa *> isas = runnableIsas();
  if (canRun(isaV4Bf16()))
    isas.push_back(&isaV4Bf16());
  for (const CpuIsa *isa : isas)
    for (auto [causal, window] : {std::pair(false, 0), {true, 0}, {true, 11}, {false, 9}}) {
      Case c{shapeOf(2, 2, 32, causal, window), {{7, 37, 50, 3}, {7, 37, 50, 3}}, 0.1};
      c.shape.pairs = isa->bf16Pairs;
      Problem x(c);
      auto forward = std::make_shared<Attention>();
      forward->shape = c.shape;
      KernelLibrary library({forward}, *isa);
      Floats together(x.out.size()), lse(x.lse.size());
      library.run(*forward,
                  {x.q.data(), x.k.data(), x.v.data(), x.queryOffsets.data(),
                   x.keyOffsets.data(), x.sequenceIds.data(), x.positions.data(),
                   together.data(), lse.data()},
                  {4, seed, step, opId}, {c.p});
      for (int s = 0; s < 4; ++s) {
        int begin = x.queryOffsets[s], length = c.batch.queries[s];
        Ints offsets{0, length};
        Floats alone(length * x.dense), loneLse(length * c.shape.heads);
        std::int64_t at = begin * x.dense;
        library.run(*forward,
                    {x.q.data() + at, x.k.data() + at, x.v.data() + at, offsets.data(),
                     offsets.data(), x.sequenceIds.data() + s, x.positions.data() + begin,
                     alone.data(), loneLse.data()},
                    {1, seed, step, opId}, {c.p});
        ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + at, 4 * alone.size()))
            << forward->key(*isa) << " sequence " << s;
      }
      // One query row alone, as when only the first row of a sequence is read.
      Ints offsets{0, 1}, keyOffsets{0, 37};
      Floats alone(x.dense), loneLse(c.shape.heads);
      std::int64_t at = (7 + 20) * x.dense, keyAt = 7 * x.dense;
      library.run(*forward,
                  {x.q.data() + at, x.k.data() + keyAt, x.v.data() + keyAt, offsets.data(),
                   keyOffsets.data(), x.sequenceIds.data() + 1, x.positions.data() + 27,
                   alone.data(), loneLse.data()},
                  {1, seed, step, opId}, {c.p});
      ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + at, 4 * alone.size()));
    }
}

TEST(Attention, CachedMatchesReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (auto [heads, kvHeads, d, window, buckets, maxDistance] :
         {std::array{2, 2, 32, 0, 0, 0}, {4, 1, 12, 0, 0, 0}, {1, 1, 3, 0, 0, 0},
          {2, 1, 8, 9, 0, 0}, {3, 3, 10, 0, 12, 19}, {2, 2, 5, 0, 32, 128},
          {2, 1, 8, 9, 6, 19}}) {
      auto spec = std::make_shared<CachedAttention>();
      spec->heads = heads, spec->kvHeads = kvHeads, spec->headDim = d, spec->maxKeys = 40;
      spec->window = window, spec->buckets = buckets, spec->maxDistance = maxDistance;
      KernelLibrary library({spec}, *isa);
      // Rows of 40, 1, 0 and 13 entries, scattered; the first and the last share some.
      Ints offsets{0, 40, 41, 41, 54}, entries(54);
      for (int i = 0; i < 54; ++i)
        entries[i] = i * 37 % 97;
      std::copy_n(entries.data() + 20, 6, entries.data() + 43);
      Floats q = randomFloats(4 * heads * d, 1, 2), k = randomFloats(100 * kvHeads * d, 2, 2);
      Floats v = randomFloats(100 * kvHeads * d, 3), out = randomFloats(4 * heads * d, 4);
      Floats bias = randomFloats(std::max(1, buckets * heads), 5, 2);
      std::vector<void *> operands{q.data(),       k.data(),       v.data(),
                                   offsets.data(), entries.data(), out.data()};
      if (buckets)
        operands.push_back(bias.data());
      library.run(*spec, operands, {4}, {}, Split::Pieces);
      ASSERT_TRUE(out.intact());
      for (int s = 0; s < 4; ++s)
        for (int h = 0; h < heads; ++h) {
          int length = offsets[s + 1] - offsets[s];
          std::vector<double> p(length);
          double sum = 0;
          int kv = h / (heads / kvHeads);
          int from = window ? std::max(0, length - window) : 0;
          auto at = [&](int j, int e) {
            return (entries[offsets[s] + j] * kvHeads + kv) * d + e;
          };
          for (int j = from; j < length; ++j) {
            for (int e = 0; e < d; ++e)
              p[j] += q[(s * heads + h) * d + e] * double(k[at(j, e)]) / std::sqrt(double(d));
            if (buckets)
              p[j] += bias[relativeBucket(length - 1 - j, buckets, maxDistance) * heads + h];
            sum += p[j] = std::exp(p[j]);
          }
          for (int e = 0; e < d; ++e) {
            double expected = 0;
            for (int j = from; j < length; ++j)
              expected += p[j] / sum * v[at(j, e)];
            ASSERT_NEAR(out[(s * heads + h) * d + e], expected, tolerance);
          }
        }
    }
}

/// First distance of each run and its bucket, asked of transformers 4.57's
/// T5Attention._relative_position_bucket for distances up to 4095, one direction.
struct Buckets {
  std::int64_t buckets, maxDistance;
  std::vector<std::int64_t> first;
};

TEST(RelativeBias, BucketsAreThoseOfTransformers) {
  const std::vector<Buckets> recorded = {
      {32, 128,
       {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113}},
      {16, 128, {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91}},
      {12, 19, {0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 13, 16}},
      {6, 19, {0, 1, 2, 3, 6, 11}},
      {8, 20, {0, 1, 2, 3, 4, 6, 9, 14}},
      {32, 1000,
       {0,  1,  2,  3,  4,  5,  6,  7,  8,   9,   10,  11,  12,  13,  14,  15,
        16, 21, 27, 35, 45, 59, 76, 98, 127, 164, 213, 275, 356, 461, 597, 773}},
      {64, 512,
       {0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,
        16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,  30,  31,
        32,  35,  39,  42,  46,  50,  54,  59,  64,  70,  77,  83,  91,  99,  108, 118,
        128, 140, 153, 166, 182, 198, 216, 235, 256, 280, 305, 332, 363, 395, 431, 470}},
      {4, 7, {0, 1, 2, 4}},
      {2, 5, {0, 1}},
      {5, 40, {0, 1, 2, 6, 15}}};
  for (const Buckets &c : recorded)
    for (std::int64_t distance = 0, run = -1; distance < 4096; ++distance) {
      if (run + 1 < std::int64_t(c.first.size()) && c.first[run + 1] == distance)
        ++run;
      ASSERT_EQ(relativeBucket(distance, c.buckets, c.maxDistance), run)
          << c.buckets << " buckets to " << c.maxDistance << ", distance " << distance;
    }
}

/// The bias in both directions and its gradient, a sequence's share at a time.
TEST(RelativeBias, ForwardAndBackwardMatchReference) {
  Batch self{{5, 1, 37, 0, 130, 24}, {5, 1, 37, 0, 130, 24}};
  auto biased = [](AttentionShape shape, std::int64_t buckets, std::int64_t maxDistance) {
    shape.buckets = buckets, shape.maxDistance = maxDistance;
    shape.scale = 1 / std::sqrt(double(shape.headDim));
    return shape;
  };
  std::vector<Case> list{{biased(shapeOf(3, 3, 8), 32, 128), self},
                         {biased(shapeOf(2, 2, 12, true), 32, 128), self, 0.2},
                         {biased(shapeOf(4, 2, 5), 12, 19), self, 0.3},
                         {biased(shapeOf(2, 1, 16, true), 7, 40), self},
                         {biased(shapeOf(1, 1, 8, false, 9), 8, 20), self, 0.1}};
  for (const CpuIsa *isa : runnableIsas())
    for (const Case &c : list) {
      Problem x(c);
      auto forward = std::make_shared<Attention>();
      auto backward = std::make_shared<AttentionGrad>(), frozen = std::make_shared<AttentionGrad>();
      auto sum = std::make_shared<TableGrad>();
      forward->shape = backward->shape = frozen->shape = c.shape;
      backward->tableGradient = true;
      sum->elements = x.bias.size();
      KernelLibrary library({forward, backward, frozen, sum}, *isa);
      std::int64_t sequences = c.batch.queries.size();
      std::vector<std::int64_t> ints{sequences, seed, step, opId};
      Floats out(x.out.size()), lse(x.lse.size()), dbias[2];
      for (int split = 0; split < 2; ++split) {
        Split how = split ? Split::Pieces : Split::Whole;
        Floats dq = randomFloats(x.dq.size(), 8), dk = randomFloats(x.dk.size(), 9);
        Floats dv = randomFloats(x.dv.size(), 9), partial = randomFloats(x.partial.size(), 3);
        dbias[split] = randomFloats(x.dbias.size(), 4);
        library.run(*forward,
                    {x.q.data(), x.k.data(), x.v.data(), x.queryOffsets.data(),
                     x.keyOffsets.data(), x.sequenceIds.data(), x.positions.data(), out.data(),
                     lse.data(), x.bias.data()},
                    ints, {c.p}, how);
        std::vector<void *> operands{
            x.dout.data(),         x.q.data(),         x.k.data(),           x.v.data(),
            out.data(),            lse.data(),         x.queryOffsets.data(), x.keyOffsets.data(),
            x.sequenceIds.data(),  x.positions.data(), dq.data(),            dk.data(),
            dv.data(),             x.bias.data()};
        Floats dq2 = dq, dk2 = dk, dv2 = dv;
        std::vector<void *> without = operands;
        without[10] = dq2.data(), without[11] = dk2.data(), without[12] = dv2.data();
        library.run(*frozen, without, ints, {c.p}, how);
        operands.push_back(partial.data());
        library.run(*backward, operands, ints, {c.p}, how);
        library.run(*sum, {partial.data(), dbias[split].data()}, {sequences}, {}, how);
        std::string key = backward->key(*isa);
        expectNear(out, x.out, "out", key);
        expectNear(lse, x.lse, "lse", key);
        expectNear(dq, x.dq, "dq", key);
        expectNear(dk, x.dk, "dk", key);
        expectNear(dv, x.dv, "dv", key);
        expectNear(partial, x.partial, "partial", key);
        expectNear(dbias[split], x.dbias, "dbias", key);
        ASSERT_TRUE(dq == dq2 && dk == dk2 && dv == dv2) << key << ": a frozen table";
      }
      ASSERT_TRUE(dbias[0] == dbias[1]) << backward->key(*isa) << ": split changes bits";
    }
}
