// Reference of attention over ragged sequences, its gradient, and its cached form.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;

namespace ftc::reference {

/// Calls `visit(sequence, query row, first key row, keys)` for every query, head apart.
template <typename Op, typename Visit>
static void forQueries(Op op, const Frame &frame, Visit visit) {
  const Tensor &qo = frame.get(op.getQOffsets()), &ko = frame.get(op.getKvOffsets());
  for (std::int64_t s = 0; s + 1 < qo.rows(); ++s)
    for (std::int64_t q = qo.index(s); q < qo.index(s + 1); ++q)
      visit(s, q, ko.index(s), ko.index(s + 1) - ko.index(s));
}

/// transformers' T5Attention._relative_position_bucket, in f32 as there.
static std::int64_t bucketOf(std::int64_t relative, bool causal, std::int64_t buckets,
                             std::int64_t maxDistance) {
  std::int64_t side = 0, distance = causal ? -std::min<std::int64_t>(relative, 0)
                                           : std::abs(relative);
  if (!causal) {
    buckets /= 2;
    side = relative > 0 ? buckets : 0;
  }
  std::int64_t exact = buckets / 2;
  if (distance < exact)
    return side + distance;
  float shared = std::log(float(distance) / float(exact)) /
                 float(std::log(double(maxDistance) / double(exact))) * float(buckets - exact);
  return side + std::min(exact + std::int64_t(shared), buckets - 1);
}

/// The row of the bias table that a query at `position` and key j read.
template <typename Op>
static std::int64_t biasRow(Op op, const Frame &frame, std::int64_t j, std::int64_t position) {
  return bucketOf(j - position, op.getCausal(), frame.get(op.getBias()).rows(),
                  std::int64_t(*op.getMaxDistance()));
}

/// One query's scaled scores over the keys it sees (the others: -infinity).
template <typename Op>
static std::vector<double> scoresOf(Op op, const Frame &frame, std::int64_t row,
                                    std::int64_t first, std::int64_t keys, std::int64_t head) {
  const Tensor &q = frame.get(op.getQ()), &k = frame.get(op.getK());
  std::int64_t d = q.width() / op.getHeads();
  std::int64_t kvHead = head / (op.getHeads() / op.getKvHeads());
  double scale = op.getScale().convertToDouble();
  std::int64_t position = frame.get(op.getQPosition()).index(row);
  std::int64_t window = op.getWindow() ? std::int64_t(*op.getWindow()) : keys + position + 1;
  std::vector<double> scores(keys);
  for (std::int64_t j = 0; j < keys; ++j) {
    double sum = 0;
    for (std::int64_t c = 0; c < d; ++c)
      sum += q.at(row, head * d + c) * k.at(first + j, kvHead * d + c);
    bool seen = (!op.getCausal() || j <= position) && std::abs(j - position) < window;
    if (op.getBias())
      sum += frame.get(op.getBias()).at(biasRow(op, frame, j, position), head) / scale;
    scores[j] = seen ? sum * scale : -std::numeric_limits<double>::infinity();
  }
  return scores;
}

static double logSumExp(const std::vector<double> &scores) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double score : scores)
    largest = std::max(largest, score);
  for (double score : scores)
    sum += std::exp(score - largest);
  return largest + std::log(sum);
}

template <typename Op>
static double keepOf(Op op, const Frame &frame, std::int64_t sequence, std::int64_t row,
                     std::int64_t head, std::int64_t key) {
  if (!op.getRate())
    return 1;
  return dropoutFactor(frame, *op.getRate(), op.getOpId(), head,
                       frame.get(op.getSequenceId()).index(sequence),
                       frame.get(op.getQPosition()).index(row), key);
}

static void attention(nn::AttentionOp op, Frame &frame) {
  const Tensor &v = frame.get(op.getV());
  Tensor out = frame.make(op.getOut()), lse = frame.make(op.getLse());
  std::int64_t heads = op.getHeads(), d = out.width() / heads;
  std::int64_t share = heads / op.getKvHeads();
  forQueries(op, frame, [&](auto s, auto row, auto first, auto keys) {
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> scores = scoresOf(op, frame, row, first, keys, h);
      std::int64_t kvHead = h / share;
      lse.at(row, h) = logSumExp(scores);
      for (std::int64_t j = 0; j < keys; ++j) {
        double p = std::exp(scores[j] - lse.at(row, h)) * keepOf(op, frame, s, row, h, j);
        for (std::int64_t c = 0; c < d; ++c)
          out.at(row, h * d + c) += p * v.at(first + j, kvHead * d + c);
      }
    }
  });
  frame.set(op.getOut(), out);
  frame.set(op.getLse(), lse);
}

/// dv += p~ dout, dp~ = dout . v, ds = p (keep dp~ - dout . out), dq += scale ds k, dk likewise.
static void gradient(nn::AttentionGradOp op, Frame &frame) {
  const Tensor &dout = frame.get(op.getDout()), &out = frame.get(op.getOut());
  const Tensor &q = frame.get(op.getQ()), &k = frame.get(op.getK()), &v = frame.get(op.getV());
  Tensor dq = frame.make(op.getDq()), dk = frame.make(op.getDk()), dv = frame.make(op.getDv());
  std::int64_t heads = op.getHeads(), d = q.width() / heads;
  double scale = op.getScale().convertToDouble();
  std::int64_t share = heads / op.getKvHeads();
  const Tensor &lse = frame.get(op.getLse());
  Tensor dbias = op.getDbias() ? frame.make(op.getDbias()) : Tensor();
  forQueries(op, frame, [&](auto s, auto row, auto first, auto keys) {
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> scores = scoresOf(op, frame, row, first, keys, h);
      std::int64_t kvHead = h / share;
      double delta = 0;
      for (std::int64_t c = 0; c < d; ++c)
        delta += dout.at(row, h * d + c) * out.at(row, h * d + c);
      for (std::int64_t j = 0; j < keys; ++j) {
        double p = std::exp(scores[j] - lse.at(row, h));
        double keep = keepOf(op, frame, s, row, h, j), dp = 0;
        for (std::int64_t c = 0; c < d; ++c) {
          dp += dout.at(row, h * d + c) * v.at(first + j, kvHead * d + c);
          dv.at(first + j, kvHead * d + c) += p * keep * dout.at(row, h * d + c);
        }
        double ds = p * (keep * dp - delta);
        if (op.getDbias())
          dbias.at(biasRow(op, frame, j, frame.get(op.getQPosition()).index(row)), h) += ds;
        ds *= scale;
        for (std::int64_t c = 0; c < d; ++c) {
          dq.at(row, h * d + c) += ds * k.at(first + j, kvHead * d + c);
          dk.at(first + j, kvHead * d + c) += ds * q.at(row, h * d + c);
        }
      }
    }
  });
  frame.set(op.getDq(), dq);
  frame.set(op.getDk(), dk);
  frame.set(op.getDv(), dv);
  if (op.getDbias())
    frame.set(op.getDbias(), dbias);
}

static void cached(nn::CachedAttentionOp op, Frame &frame) {
  const Tensor &q = frame.get(op.getQ()), &k = frame.get(op.getKCache()),
               &v = frame.get(op.getVCache());
  Tensor out = frame.make(op.getOut());
  std::int64_t heads = op.getHeads(), d = q.width() / heads, share = heads / op.getKvHeads();
  for (std::int64_t row = 0; row < q.rows(); ++row)
    for (std::int64_t h = 0; h < heads; ++h) {
      std::int64_t begin = frame.get(op.getOffsets()).index(row);
      std::int64_t end = frame.get(op.getOffsets()).index(row + 1);
      std::int64_t seen = std::min<std::int64_t>(end - begin, op.getWindow().value_or(1u << 30));
      auto slot = [&](std::size_t j) {
        return frame.get(op.getEntries()).index(end - seen + static_cast<std::int64_t>(j));
      };
      std::vector<double> scores(seen, 0.0);
      for (std::size_t j = 0; j < scores.size(); ++j) {
        for (std::int64_t c = 0; c < d; ++c)
          scores[j] += q.at(row, h * d + c) * k.at(slot(j), h / share * d + c);
        scores[j] *= op.getScale().convertToDouble();
      }
      double lse = logSumExp(scores);
      for (std::size_t j = 0; j < scores.size(); ++j)
        for (std::int64_t c = 0; c < d; ++c)
          out.at(row, h * d + c) +=
              std::exp(scores[j] - lse) * v.at(slot(j), h / share * d + c);
    }
  frame.set(op.getOut(), out);
}

bool runAttention(Operation *op, Frame &frame) {
  if (auto forward = dyn_cast<nn::AttentionOp>(op)) {
    attention(forward, frame);
  } else if (auto grad = dyn_cast<nn::AttentionGradOp>(op)) {
    gradient(grad, frame);
  } else if (auto decode = dyn_cast<nn::CachedAttentionOp>(op)) {
    cached(decode, frame);
  } else if (auto append = dyn_cast<nn::CacheAppendOp>(op)) {
    Tensor cache = frame.get(append.getCache());
    const Tensor &rows = frame.get(append.getRows());
    for (std::int64_t r = 0; r < rows.rows(); ++r)
      for (std::int64_t c = 0; c < rows.width(); ++c)
        cache.at(frame.get(append.getSlots()).index(r), c) = rows.at(r, c);
    frame.set(append.getUpdated(), cache);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
