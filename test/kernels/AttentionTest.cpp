// Attention forward and backward against f64 references, over ragged batches with odd sizes,
// cross attention, causality, grouped heads, dropout; bits under splits and in company.
#include "compiler/targets/cpu/kernels/Attention.h"

#include "test/kernels/KernelHarness.h"

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

/// Everything a launch reads, and the reference's results in f64.
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
    std::vector<double> scores(count), z(count), p(count), dp(count);
    auto queryAt = [&](int e) { return i * shape.queryRow() + head * d + e; };
    auto keyAt = [&](int j, int e) { return (first + j) * shape.keyRow() + kvHead * d + e; };
    for (int j = from; j < count; ++j) {
      for (int e = 0; e < d; ++e)
        scores[j] += scale * q[queryAt(e)] * k[keyAt(j, e)];
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
        out[at] += p[j] * z[j] * v[keyAt(j, e)];
        dp[j] += z[j] * dout[at] * v[keyAt(j, e)];
        dv[keyAt(j, e)] += p[j] * z[j] * dout[at];
      }
      delta += p[j] * dp[j];
    }
    for (int j = from; j < count; ++j)
      for (int e = 0; e < d; ++e) {
        double ds = p[j] * (dp[j] - delta) * scale;
        dq[queryAt(e)] += ds * k[keyAt(j, e)];
        dk[keyAt(j, e)] += ds * q[queryAt(e)];
      }
  }

  Case c;
  Ints queryOffsets, keyOffsets, sequenceIds, positions;
  Floats q, k, v, dout;
  std::vector<double> out, lse, dq, dk, dv;
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

void expectNear(const Floats &actual, const std::vector<double> &expected, const char *what,
                const std::string &key) {
  ASSERT_TRUE(actual.intact()) << key << " " << what;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i])))
        << key << " " << what << " element " << i;
}

} // namespace

TEST(Attention, ForwardAndBackwardMatchReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (const Case &c : cases()) {
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
      expectNear(out[0], x.out, "out", key);
      expectNear(lse[0], x.lse, "lse", key);
      expectNear(dq[0], x.dq, "dq", key);
      expectNear(dk[0], x.dk, "dk", key);
      expectNear(dv[0], x.dv, "dv", key);
    }
}

TEST(Attention, SequenceBitsDontDependOnCompany) {
  for (const CpuIsa *isa : runnableIsas())
    for (auto [causal, window] : {std::pair(false, 0), {true, 0}, {true, 11}, {false, 9}}) {
      Case c{shapeOf(2, 2, 32, causal, window), {{7, 37, 50, 3}, {7, 37, 50, 3}}, 0.1};
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
    for (auto [heads, kvHeads, d, window] :
         {std::array{2, 2, 32, 0}, {4, 1, 12, 0}, {1, 1, 3, 0}, {2, 1, 8, 9}}) {
      auto spec = std::make_shared<CachedAttention>();
      spec->heads = heads, spec->kvHeads = kvHeads, spec->headDim = d, spec->maxKeys = 40;
      spec->window = window;
      KernelLibrary library({spec}, *isa);
      Ints begins{30, 0, 3, 70}, lengths{40, 1, 0, 13};
      Floats q = randomFloats(4 * heads * d, 1, 2), k = randomFloats(100 * kvHeads * d, 2, 2);
      Floats v = randomFloats(100 * kvHeads * d, 3), out = randomFloats(4 * heads * d, 4);
      library.run(*spec,
                  {q.data(), k.data(), v.data(), begins.data(), lengths.data(), out.data()},
                  {4}, {}, Split::Pieces);
      ASSERT_TRUE(out.intact());
      for (int s = 0; s < 4; ++s)
        for (int h = 0; h < heads; ++h) {
          std::vector<double> p(lengths[s]);
          double sum = 0;
          int kv = h / (heads / kvHeads);
          int from = window ? std::max(0, lengths[s] - window) : 0;
          auto at = [&](int j, int e) { return ((begins[s] + j) * kvHeads + kv) * d + e; };
          for (int j = from; j < lengths[s]; ++j) {
            for (int e = 0; e < d; ++e)
              p[j] += q[(s * heads + h) * d + e] * double(k[at(j, e)]) / std::sqrt(double(d));
            sum += p[j] = std::exp(p[j]);
          }
          for (int e = 0; e < d; ++e) {
            double expected = 0;
            for (int j = from; j < lengths[s]; ++j)
              expected += p[j] / sum * v[at(j, e)];
            ASSERT_NEAR(out[(s * heads + h) * d + e], expected, tolerance);
          }
        }
    }
}
