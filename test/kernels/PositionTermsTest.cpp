// Disentangled attention's position terms against f64 references, and convolutions' rows:
// sequences longer than the tables reach, few queries of many keys, groups of sequences.
#include "compiler/targets/cpu/kernels/PositionTerms.h"

#include "compiler/targets/cpu/kernels/Attention.h"
#include "compiler/targets/cpu/kernels/Convolution.h"
#include "test/kernels/KernelHarness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ftc::cpu;
using namespace ftc::cpu::test;

namespace {

const unsigned seed = 11, step = 3, opId = 77;
// Sums of up to 130 f32 products of size about d, exponentials of 2 ulp, scores to 1e-5.
const double tolerance = 3e-5;

struct Case {
  int heads, headDim;
  std::int64_t positions, maxDistance;
  bool keys, queries;
  double p = 0;
  bool firstOnly = false; ///< one query a sequence, its first
};

/// A batch, what a launch reads, and the reference's results in f64.
struct Problem {
  explicit Problem(const Case &c) : c(c), dense(c.heads * c.headDim) {
    shape.heads = shape.kvHeads = c.heads, shape.headDim = c.headDim;
    shape.maxKeys = 130;
    shape.positions = c.positions, shape.maxDistance = c.maxDistance;
    shape.positionKeys = c.keys, shape.positionQueries = c.queries;
    shape.scale = 1 / std::sqrt(double(c.headDim) * (1 + c.keys + c.queries));
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      int queries = c.firstOnly ? std::min(1, lengths[s]) : lengths[s];
      keyOffsets[s + 1] = keyOffsets[s] + lengths[s];
      queryOffsets[s + 1] = queryOffsets[s] + queries;
      sequenceIds[s] = int(s) + 5;
    }
    int tq = queryOffsets[lengths.size()], tk = keyOffsets[lengths.size()];
    positions = Ints(tq);
    for (std::size_t s = 0; s < lengths.size(); ++s)
      for (int i = queryOffsets[s]; i < queryOffsets[s + 1]; ++i)
        positions[i] = i - queryOffsets[s];
    q = randomFloats(tq * dense, 1, 2), k = randomFloats(tk * dense, 2, 2);
    v = randomFloats(tk * dense, 3), dout = randomFloats(tq * dense, 4);
    keyTable = randomFloats(c.positions * dense, 5, 2);
    queryTable = randomFloats(c.positions * dense, 6, 2);
    out.assign(tq * dense, 0), lse.assign(tq * c.heads, 0), dq = out;
    dk.assign(tk * dense, 0), dv = dk;
    dkeys.assign(c.positions * dense, 0), dqueries = dkeys;
    for (std::size_t s = 0; s < lengths.size(); ++s)
      for (int head = 0; head < c.heads; ++head)
        for (int i = queryOffsets[s]; i < queryOffsets[s + 1]; ++i)
          reference(s, head, i);
  }

  void reference(std::size_t s, int head, int i) {
    int count = lengths[s], d = c.headDim;
    double top = -1e300, sum = 0, delta = 0;
    std::vector<double> scores(count), z(count), p(count), dp(count);
    auto at = [&](int row, int e) { return row * dense + head * d + e; };
    auto rowOf = [&](int j) {
      return int(positionRow(positions[i] - j, c.positions, c.maxDistance));
    };
    for (int j = 0; j < count; ++j) {
      int key = keyOffsets[s] + j, row = rowOf(j);
      for (int e = 0; e < d; ++e) {
        scores[j] += double(q[at(i, e)]) * k[at(key, e)];
        scores[j] += c.keys ? double(q[at(i, e)]) * keyTable[at(row, e)] : 0;
        scores[j] += c.queries ? double(k[at(key, e)]) * queryTable[at(row, e)] : 0;
      }
      scores[j] *= shape.scale;
      top = std::max(top, scores[j]);
    }
    for (int j = 0; j < count; ++j)
      sum += std::exp(scores[j] - top);
    lse[i * c.heads + head] = top + std::log(sum);
    for (int j = 0; j < count; ++j) {
      p[j] = std::exp(scores[j] - top) / sum;
      z[j] = dropoutFactor(c.p, seed, step, opId, head, sequenceIds[s], positions[i], j);
      for (int e = 0; e < d; ++e) {
        int key = at(keyOffsets[s] + j, e);
        out[at(i, e)] += p[j] * z[j] * v[key];
        dp[j] += z[j] * dout[at(i, e)] * v[key];
        dv[key] += p[j] * z[j] * dout[at(i, e)];
      }
      delta += p[j] * dp[j];
    }
    for (int j = 0; j < count; ++j) {
      double ds = p[j] * (dp[j] - delta) * shape.scale;
      for (int e = 0; e < d; ++e) {
        int key = at(keyOffsets[s] + j, e), row = at(rowOf(j), e);
        dq[at(i, e)] += ds * (k[key] + (c.keys ? keyTable[row] : 0));
        dk[key] += ds * (q[at(i, e)] + (c.queries ? queryTable[row] : 0));
        dkeys[row] += c.keys ? ds * q[at(i, e)] : 0;
        dqueries[row] += c.queries ? ds * k[key] : 0;
      }
    }
  }

  std::vector<void *> tables() {
    std::vector<void *> list;
    if (c.keys)
      list.push_back(keyTable.data());
    if (c.queries)
      list.push_back(queryTable.data());
    return list;
  }

  Case c;
  AttentionShape shape;
  std::vector<int> lengths{5, 1, 37, 0, 130, 24, 9, 2, 50};
  Ints queryOffsets = Ints(10), keyOffsets = Ints(10), sequenceIds = Ints(9), positions;
  Floats q, k, v, dout, keyTable, queryTable;
  std::vector<double> out, lse, dq, dk, dv, dkeys, dqueries;
  int dense;
};

void expectNear(const Floats &actual, const std::vector<double> &expected, const char *what,
                const std::string &key) {
  ASSERT_TRUE(actual.intact()) << key << " " << what;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i])))
        << key << " " << what << " element " << i;
}

std::vector<Case> cases() {
  return {{3, 8, 64, 128, true, true},
          {2, 11, 12, 15, true, true, 0.2},
          {1, 16, 22, 0, false, true},
          {2, 5, 300, 0, true, false},
          {2, 12, 14, 64, true, true, 0.1, true},
          {1, 1, 2, 0, true, true},
          {1, 40, 512, 512, true, true, 0.3}};
}

} // namespace

TEST(PositionTerms, ForwardAndBackwardMatchReference) {
  for (const CpuIsa *isa : runnableIsas())
    for (const Case &c : cases()) {
      Problem x(c);
      auto forward = std::make_shared<Attention>();
      auto backward = std::make_shared<AttentionGrad>(),
           frozen = std::make_shared<AttentionGrad>();
      auto sum = std::make_shared<TableGrad>();
      forward->shape = backward->shape = frozen->shape = x.shape;
      backward->tableGradient = true;
      sum->elements = x.dkeys.size();
      KernelLibrary library({forward, backward, frozen, sum}, *isa);
      std::int64_t sequences = x.lengths.size();
      std::int64_t groups =
          (sequences + AttentionGrad::groupSequences - 1) / AttentionGrad::groupSequences;
      std::vector<std::int64_t> ints{sequences, seed, step, opId};
      std::vector<Floats> first;
      for (int split = 0; split < 2; ++split) {
        Split how = split ? Split::Pieces : Split::Whole;
        Floats out = randomFloats(x.out.size(), 7), lse = randomFloats(x.lse.size(), 7);
        Floats dq = randomFloats(x.dq.size(), 8), dk = randomFloats(x.dk.size(), 9);
        Floats dv = randomFloats(x.dv.size(), 9);
        Floats dkeys = randomFloats(x.dkeys.size(), 4), dqueries = dkeys;
        Floats keyPart = randomFloats(groups * x.dkeys.size(), 3), queryPart = keyPart;
        std::vector<void *> operands{x.q.data(),          x.k.data(),
                                     x.v.data(),          x.queryOffsets.data(),
                                     x.keyOffsets.data(), x.sequenceIds.data(),
                                     x.positions.data(),  out.data(),
                                     lse.data()};
        for (void *table : x.tables())
          operands.push_back(table);
        library.run(*forward, operands, ints, {c.p}, how);
        auto backwardOperands = [&](Floats &q, Floats &k, Floats &v) {
          std::vector<void *> list{x.dout.data(),
                                   x.q.data(),
                                   x.k.data(),
                                   x.v.data(),
                                   out.data(),
                                   lse.data(),
                                   x.queryOffsets.data(),
                                   x.keyOffsets.data(),
                                   x.sequenceIds.data(),
                                   x.positions.data(),
                                   q.data(),
                                   k.data(),
                                   v.data()};
          for (void *table : x.tables())
            list.push_back(table);
          return list;
        };
        Floats dq2 = dq, dk2 = dk, dv2 = dv;
        library.run(*frozen, backwardOperands(dq2, dk2, dv2), ints, {c.p}, how);
        std::vector<void *> trained = backwardOperands(dq, dk, dv);
        if (c.keys)
          trained.push_back(keyPart.data());
        if (c.queries)
          trained.push_back(queryPart.data());
        library.run(*backward, trained, ints, {c.p}, how);
        std::string key = backward->key(*isa);
        expectNear(out, x.out, "out", key);
        expectNear(lse, x.lse, "lse", key);
        expectNear(dq, x.dq, "dq", key);
        expectNear(dk, x.dk, "dk", key);
        expectNear(dv, x.dv, "dv", key);
        ASSERT_TRUE(dq == dq2 && dk == dk2 && dv == dv2) << key << ": frozen tables";
        if (c.keys) {
          library.run(*sum, {keyPart.data(), dkeys.data()}, {groups}, {}, how);
          expectNear(dkeys, x.dkeys, "dkeys", key);
        }
        if (c.queries) {
          library.run(*sum, {queryPart.data(), dqueries.data()}, {groups}, {}, how);
          expectNear(dqueries, x.dqueries, "dqueries", key);
        }
        std::vector<Floats> all{out, lse, dq, dk, dv, dkeys, dqueries};
        if (split)
          for (std::size_t i = 0; i < all.size(); ++i)
            ASSERT_TRUE(all[i] == first[i]) << key << ": split changes bits of result " << i;
        first = all;
      }
    }
}

TEST(PositionTerms, SequenceBitsDontDependOnCompany) {
  for (const CpuIsa *isa : runnableIsas())
    for (const Case &c : {cases()[0], cases()[1]}) {
      Problem x(c);
      auto forward = std::make_shared<Attention>();
      forward->shape = x.shape;
      KernelLibrary library({forward}, *isa);
      Floats together(x.out.size()), lse(x.lse.size());
      library.run(*forward,
                  {x.q.data(), x.k.data(), x.v.data(), x.queryOffsets.data(),
                   x.keyOffsets.data(), x.sequenceIds.data(), x.positions.data(),
                   together.data(), lse.data(), x.keyTable.data(), x.queryTable.data()},
                  {std::int64_t(x.lengths.size()), seed, step, opId}, {c.p});
      auto alone = [&](std::size_t s, int row, int rows) {
        int begin = x.keyOffsets[s];
        Ints queries{0, rows}, keys{0, x.lengths[s]};
        Floats out(rows * x.dense), loneLse(rows * c.heads);
        std::int64_t at = begin * x.dense, queryAt = (begin + row) * x.dense;
        library.run(*forward,
                    {x.q.data() + queryAt, x.k.data() + at, x.v.data() + at, queries.data(),
                     keys.data(), x.sequenceIds.data() + s, x.positions.data() + begin + row,
                     out.data(), loneLse.data(), x.keyTable.data(), x.queryTable.data()},
                    {1, seed, step, opId}, {c.p});
        ASSERT_EQ(0, std::memcmp(out.data(), together.data() + queryAt, 4 * out.size()))
            << forward->key(*isa) << " sequence " << s << " row " << row;
      };
      for (std::size_t s : {0, 2, 4, 8})
        alone(s, 0, x.lengths[s]);
      alone(4, 101, 1); // as when one row of a sequence is read
    }
}

/// First distance of each run of one row, counted from the middle, asked of transformers 4.57's
/// make_log_bucket_position for distances up to 700, clamped as c2p_pos is.
TEST(PositionTerms, RowsAreThoseOfTransformers) {
  struct Rows {
    std::int64_t span, maxDistance;
    std::vector<std::int64_t> first;
  };
  const std::vector<Rows> recorded = {
      {256,
       512,
       {0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,
        16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,  30,  31,
        32,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,
        48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  62,  63,
        64,  65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,
        80,  81,  82,  83,  84,  85,  86,  87,  88,  89,  90,  91,  92,  93,  94,  95,
        96,  97,  98,  99,  100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
        112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
        128, 129, 130, 131, 133, 134, 136, 137, 139, 140, 142, 143, 145, 146, 148, 150,
        151, 153, 155, 156, 158, 160, 161, 163, 165, 167, 169, 170, 172, 174, 176, 178,
        180, 182, 184, 186, 188, 190, 192, 194, 196, 198, 201, 203, 205, 207, 210, 212,
        214, 216, 219, 221, 224, 226, 229, 231, 234, 236, 239, 241, 244, 247, 249, 252,
        255, 258, 260, 263, 266, 269, 272, 275, 278, 281, 284, 287, 290, 294, 297, 300,
        303, 307, 310, 313, 317, 320, 324, 327, 331, 335, 338, 342, 346, 349, 353, 357,
        361, 365, 369, 373, 377, 381, 385, 390, 394, 398, 403, 407, 411, 416, 420, 425,
        430, 434, 439, 444, 449, 454, 459, 464, 469, 474, 479, 484, 490, 495, 500, 506}},
      {6, 15, {0, 1, 2, 3, 4, 7}},
      {7, 64, {0, 1, 2, 3, 4, 14, 64}},
      {2, 3, {0, 1}},
      {32, 128, {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                 16, 17, 19, 22, 25, 28, 32, 37, 43, 49, 56, 64, 74, 84, 97, 111}},
      {64, 1000, {0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,
                  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,
                  26,  27,  28,  29,  30,  31,  32,  33,  36,  40,  45,  50,  56,
                  63,  70,  78,  87,  98,  109, 122, 136, 152, 170, 189, 212, 236,
                  264, 295, 330, 368, 412, 460, 514, 574, 641}},
      {9, 33, {0, 1, 2, 3, 4, 5, 9, 17, 33}}};
  for (const Rows &c : recorded)
    for (std::int64_t distance = 0, run = -1; distance <= 700; ++distance) {
      if (run + 1 < std::int64_t(c.first.size()) && c.first[run + 1] == distance)
        ++run;
      std::int64_t before = positionRow(distance, 2 * c.span, c.maxDistance);
      std::int64_t behind = positionRow(-distance, 2 * c.span, c.maxDistance);
      ASSERT_EQ(before, c.span + run) << c.span << " to " << c.maxDistance << ": " << distance;
      // One more row to the left: -span has one, span none.
      if (run + 1 < c.span)
        ASSERT_EQ(behind, c.span - run)
            << c.span << " to " << c.maxDistance << ": " << distance;
    }
}

TEST(Convolution, UnfoldAndFoldAreExact) {
  const std::vector<int> lengths{3, 0, 1, 17, 2};
  for (const CpuIsa *isa : runnableIsas())
    for (auto [hidden, size] : {std::pair{5, 3}, {24, 1}, {9, 5}, {1, 7}}) {
      Ints offsets(lengths.size() + 1);
      for (std::size_t s = 0; s < lengths.size(); ++s)
        offsets[s + 1] = offsets[s] + lengths[s];
      int rows = offsets[lengths.size()], wide = hidden * size;
      auto unfold = std::make_shared<Unfold>(), fold = std::make_shared<Unfold>();
      unfold->hidden = fold->hidden = hidden, unfold->size = fold->size = size;
      fold->gradient = true;
      KernelLibrary library({unfold, fold}, *isa);
      Floats x = randomFloats(rows * hidden, 1), dy = randomFloats(rows * wide, 2);
      Floats y = randomFloats(rows * wide, 3), dx = randomFloats(rows * hidden, 4);
      std::int64_t sequences = lengths.size();
      library.run(*unfold, {x.data(), offsets.data(), y.data()}, {sequences}, {},
                  Split::Pieces);
      library.run(*fold, {dy.data(), offsets.data(), dx.data()}, {sequences}, {},
                  Split::Pieces);
      ASSERT_TRUE(y.intact() && dx.intact());
      Floats expectedX(rows * hidden);
      for (std::size_t s = 0; s < lengths.size(); ++s)
        for (int row = offsets[s]; row < offsets[s + 1]; ++row)
          for (int t = 0; t < size; ++t)
            for (int c = 0; c < hidden; ++c) {
              int other = row + t - size / 2;
              bool inside = other >= offsets[s] && other < offsets[s + 1];
              ASSERT_EQ(y[row * wide + c * size + t], inside ? x[other * hidden + c] : 0);
              int from = row - (t - size / 2);
              if (from >= offsets[s] && from < offsets[s + 1])
                expectedX[row * hidden + c] += dy[from * wide + c * size + t];
            }
      for (int i = 0; i < rows * hidden; ++i)
        ASSERT_EQ(dx[i], expectedX[i]) << i;
    }
}
