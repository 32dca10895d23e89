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

/// The row of the position tables that a query at `position` and key j read: transformers'
/// make_log_bucket_position and c2p_pos (p2c_pos is the same row).
template <typename Op>
static std::int64_t positionRow(Op op, const Frame &frame, std::int64_t j,
                                std::int64_t position) {
  std::int64_t rows = frame.get(op.getTables().front()).rows(), span = rows / 2;
  std::int64_t relative = position - j, middle = span / 2;
  double bucket = double(relative);
  if (op.getMaxDistance() && std::abs(relative) > middle) {
    double last = double(*op.getMaxDistance()) - 1;
    double shared = std::ceil(std::log(double(std::abs(relative)) / double(middle)) /
                              std::log(last / double(middle)) * double(middle - 1));
    bucket = (relative < 0 ? -1 : 1) * (shared + double(middle));
  }
  return std::clamp<std::int64_t>(std::int64_t(bucket) + span, 0, rows - 1);
}

/// q . P[t] + k . R[t] of one query and key.
template <typename Op>
static double positionTerms(Op op, const Frame &frame, std::int64_t row, std::int64_t key,
                            std::int64_t j, std::int64_t head) {
  const Tensor &q = frame.get(op.getQ()), &k = frame.get(op.getK());
  std::int64_t d = q.width() / op.getHeads(), which = 0;
  std::int64_t at = positionRow(op, frame, j, frame.get(op.getQPosition()).index(row));
  double sum = 0;
  auto add = [&](const Tensor &content, std::int64_t from) {
    const Tensor &table = frame.get(op.getTables()[which++]);
    for (std::int64_t c = head * d; c < (head + 1) * d; ++c)
      sum += content.at(from, c) * table.at(at, c);
  };
  if (op.getPositionKeys())
    add(q, row);
  if (op.getPositionQueries())
    add(k, key);
  return sum;
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
    if (op.hasPositions())
      sum += positionTerms(op, frame, row, first + j, j, head);
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

/// What ds of one score adds to dq, dk and the tables' gradients.
static void addPositionGradients(nn::AttentionGradOp op, const Frame &frame, double ds,
                                 std::int64_t row, std::int64_t key, std::int64_t j,
                                 std::int64_t head, Tensor &dq, Tensor &dk,
                                 std::vector<Tensor> &dtables) {
  std::int64_t d = dq.width() / op.getHeads(), which = 0;
  std::int64_t at = positionRow(op, frame, j, frame.get(op.getQPosition()).index(row));
  auto add = [&](const Tensor &content, Tensor &dcontent, std::int64_t from) {
    const Tensor &table = frame.get(op.getTables()[which]);
    for (std::int64_t c = head * d; c < (head + 1) * d; ++c) {
      dcontent.at(from, c) += ds * table.at(at, c);
      if (!dtables.empty())
        dtables[which].at(at, c) += ds * content.at(from, c);
    }
    ++which;
  };
  if (op.getPositionKeys())
    add(frame.get(op.getQ()), dq, row);
  if (op.getPositionQueries())
    add(frame.get(op.getK()), dk, key);
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
  std::vector<Tensor> dtables;
  for (Value table : op.getDtables())
    dtables.push_back(frame.make(table));
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
        if (op.getBias() && !dtables.empty())
          dtables[0].at(biasRow(op, frame, j, frame.get(op.getQPosition()).index(row)), h) +=
              ds;
        ds *= scale;
        if (op.hasPositions())
          addPositionGradients(op, frame, ds, row, first + j, j, h, dq, dk, dtables);
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
  for (auto [table, gradient] : llvm::zip(op.getDtables(), dtables))
    frame.set(table, gradient);
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
        if (op.getBias())
          scores[j] += frame.get(op.getBias())
                           .at(bucketOf(static_cast<std::int64_t>(j) + 1 - seen, true,
                                        frame.get(op.getBias()).rows(), *op.getMaxDistance()),
                               h);
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
