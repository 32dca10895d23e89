// Reference of vocabulary_loss and vocabulary_logits: whole logits, row by row.
#include "test/numeric/reference/Reference.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace ftc::reference {

/// log softmax(x[row] . weight + bias).
template <typename Op>
static std::vector<double> logProbabilities(Op op, const Frame &frame, std::int64_t row) {
  const Tensor &x = frame.get(op.getX()), &weight = frame.get(op.getWeight());
  std::vector<double> logits(weight.rows());
  for (std::int64_t v = 0; v < weight.rows(); ++v) {
    for (std::int64_t k = 0; k < x.width(); ++k)
      logits[v] += x.at(row, k) * weight.at(v, k);
    if (op.getBias())
      logits[v] += frame.get(op.getBias()).at(0, v);
  }
  double largest = *std::max_element(logits.begin(), logits.end()), sum = 0;
  for (double logit : logits)
    sum += std::exp(logit - largest);
  for (double &logit : logits)
    logit -= largest + std::log(sum);
  return logits;
}

template <typename Op> static void setLoss(Op op, Frame &frame) {
  const Tensor &x = frame.get(op.getX());
  double smoothing = frame.scalar("label_smoothing");
  Tensor rows = frame.make(op.getRowLoss());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    std::int64_t label = frame.get(op.getLabels()).index(r);
    if (label == -100)
      continue;
    std::vector<double> logs = logProbabilities(op, frame, r);
    double mean = 0;
    for (double log : logs)
      mean -= log / double(logs.size());
    rows.at(r) = (1 - smoothing) * -logs[label] + smoothing * mean;
  }
  frame.set(op.getRowLoss(), rows);
}

static void setGradients(nn::VocabularyLossGradOp op, Frame &frame) {
  const Tensor &x = frame.get(op.getX()), &weight = frame.get(op.getWeight());
  double smoothing = frame.scalar("label_smoothing");
  Tensor dx = frame.make(op.getDx()), dweight = Tensor::zeros(weight.shape);
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    std::int64_t label = frame.get(op.getLabels()).index(r);
    if (label == -100)
      continue;
    std::vector<double> logs = logProbabilities(op, frame, r);
    for (std::int64_t v = 0; v < weight.rows(); ++v) {
      double target = (v == label ? 1 - smoothing : 0) + smoothing / double(logs.size());
      double slope = frame.get(op.getDrowLoss()).at(r) * (std::exp(logs[v]) - target);
      for (std::int64_t k = 0; k < x.width(); ++k) {
        dx.at(r, k) += slope * weight.at(v, k);
        dweight.at(v, k) += slope * x.at(r, k);
      }
    }
  }
  frame.set(op.getDx(), dx);
  if (op.getDweight())
    frame.set(op.getDweight(), dweight);
}

static void setLogits(nn::VocabularyLogitsOp op, Frame &frame) {
  const Tensor &x = frame.get(op.getX()), &weight = frame.get(op.getWeight());
  Tensor logits = frame.make(op.getLogits());
  for (std::int64_t r = 0; r < x.rows(); ++r)
    for (std::int64_t v = 0; v < weight.rows(); ++v) {
      logits.at(r, v) = op.getBias() ? frame.get(op.getBias()).at(0, v) : 0;
      for (std::int64_t k = 0; k < x.width(); ++k)
        logits.at(r, v) += x.at(r, k) * weight.at(v, k);
    }
  frame.set(op.getLogits(), logits);
}

bool runVocabularyLoss(Operation *op, Frame &frame) {
  if (auto logits = dyn_cast<nn::VocabularyLogitsOp>(op)) {
    setLogits(logits, frame);
    return true;
  }
  if (auto loss = dyn_cast<nn::VocabularyLossOp>(op)) {
    setLoss(loss, frame);
    return true;
  }
  auto grad = dyn_cast<nn::VocabularyLossGradOp>(op);
  if (!grad)
    return false;
  setLoss(grad, frame);
  setGradients(grad, frame);
  return true;
}

} // namespace ftc::reference
