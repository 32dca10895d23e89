// Reference of column splits, their inverse, and rotary positions.
#include "test/numeric/reference/Reference.h"

#include <cmath>

using namespace mlir;

namespace ftc::reference {

static void split(nn::SplitColumnsOp op, Frame &frame) {
  const Tensor &x = frame.get(op.getX());
  std::int64_t from = 0;
  for (Value result : op.getParts()) {
    Tensor part = frame.make(result);
    for (std::int64_t r = 0; r < part.rows(); ++r)
      for (std::int64_t c = 0; c < part.width(); ++c)
        part.at(r, c) = x.at(r, from + c);
    from += part.width();
    frame.set(result, part);
  }
}

static void concat(nn::ConcatColumnsOp op, Frame &frame) {
  Tensor y = frame.make(op.getY());
  std::int64_t from = 0;
  for (Value operand : op.getParts()) {
    const Tensor &part = frame.get(operand);
    for (std::int64_t r = 0; r < part.rows(); ++r)
      for (std::int64_t c = 0; c < part.width(); ++c)
        y.at(r, from + c) = part.at(r, c);
    from += part.width();
  }
  frame.set(op.getY(), y);
}

static void rotate(nn::RotaryOp op, Frame &frame) {
  const Tensor &x = frame.get(op.getX()), &position = frame.get(op.getPosition());
  Tensor y = x;
  auto half = static_cast<std::int64_t>(op.getFrequencies().size());
  double scale = op.getScale().convertToDouble();
  for (std::int64_t r = 0; r < x.rows(); ++r)
    for (std::int64_t at = 0; at < x.width(); at += 2 * half)
      for (std::int64_t i = 0; i < half; ++i) {
        double angle = static_cast<float>(position.at(r)) * op.getFrequencies()[i];
        double c = scale * std::cos(angle),
               s = scale * std::sin(op.getInverse() ? -angle : angle);
        y.at(r, at + i) = c * x.at(r, at + i) - s * x.at(r, at + i + half);
        y.at(r, at + i + half) = c * x.at(r, at + i + half) + s * x.at(r, at + i);
      }
  frame.set(op.getY(), y);
}

bool runColumns(Operation *op, Frame &frame) {
  if (auto parts = dyn_cast<nn::SplitColumnsOp>(op))
    split(parts, frame);
  else if (auto whole = dyn_cast<nn::ConcatColumnsOp>(op))
    concat(whole, frame);
  else if (auto rotary = dyn_cast<nn::RotaryOp>(op))
    rotate(rotary, frame);
  else
    return false;
  return true;
}

} // namespace ftc::reference
