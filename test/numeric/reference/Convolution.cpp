// Reference of rows beside their neighbours, and of counters.
#include "test/numeric/reference/Reference.h"

using namespace mlir;

namespace ftc::reference {

/// Calls visit(row, neighbour, tap) for each neighbour a row has in its own sequence.
template <typename Visit>
static void forNeighbours(const Tensor &offsets, std::int64_t size, Visit visit) {
  for (std::int64_t s = 0; s + 1 < offsets.rows(); ++s)
    for (std::int64_t r = offsets.index(s); r < offsets.index(s + 1); ++r)
      for (std::int64_t t = 0; t < size; ++t)
        if (std::int64_t other = r + t - size / 2;
            other >= offsets.index(s) && other < offsets.index(s + 1))
          visit(r, other, t);
}

bool runConvolution(Operation *op, Frame &frame) {
  if (auto unfold = dyn_cast<nn::UnfoldOp>(op)) {
    Tensor y = frame.make(unfold.getY());
    const Tensor &x = frame.get(unfold.getX());
    std::int64_t size = unfold.getSize();
    forNeighbours(frame.get(unfold.getOffsets()), size, [&](auto row, auto other, auto t) {
      for (std::int64_t c = 0; c < x.width(); ++c)
        y.at(row, size * c + t) = x.at(other, c);
    });
    frame.set(unfold.getY(), y);
  } else if (auto fold = dyn_cast<nn::FoldOp>(op)) {
    Tensor dx = frame.make(fold.getDx());
    std::int64_t size = fold.getSize();
    forNeighbours(frame.get(fold.getOffsets()), size, [&](auto row, auto other, auto t) {
      for (std::int64_t c = 0; c < dx.width(); ++c)
        dx.at(other, c) += frame.get(fold.getDy()).at(row, size * c + t);
    });
    frame.set(fold.getDx(), dx);
  } else if (auto iota = dyn_cast<nn::IotaOp>(op)) {
    Tensor y = frame.make(iota.getY());
    for (std::int64_t i = 0; i < y.rows(); ++i)
      y.at(i) = double(static_cast<std::int32_t>(iota.getStep())) * double(i);
    frame.set(iota.getY(), y);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
