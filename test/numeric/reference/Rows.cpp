// Reference of embeddings and of moves of rows between spaces.
#include "test/numeric/reference/Reference.h"

using namespace mlir;

namespace ftc::reference {

/// The rows [first, end) of sequence s.
static std::pair<std::int64_t, std::int64_t> rowsOf(const Tensor &offsets, std::int64_t s) {
  return {offsets.index(s), offsets.index(s + 1)};
}

static void mean(nn::MeanRowsOp op, Frame &frame) {
  Tensor y = frame.make(op.getY());
  for (std::int64_t s = 0; s < y.rows(); ++s) {
    auto [first, end] = rowsOf(frame.get(op.getOffsets()), s);
    for (std::int64_t r = first; r < end; ++r)
      for (std::int64_t c = 0; c < y.width(); ++c)
        y.at(s, c) += frame.get(op.getX()).at(r, c) / double(end - first);
  }
  frame.set(op.getY(), y);
}

static void meanGradient(nn::MeanRowsGradOp op, Frame &frame) {
  Tensor dx = frame.make(op.getDx());
  const Tensor &dy = frame.get(op.getDy());
  for (std::int64_t s = 0; s < dy.rows(); ++s) {
    auto [first, end] = rowsOf(frame.get(op.getOffsets()), s);
    for (std::int64_t r = first; r < end; ++r)
      for (std::int64_t c = 0; c < dx.width(); ++c)
        dx.at(r, c) = dy.at(s, c) / double(end - first);
  }
  frame.set(op.getDx(), dx);
}

bool runRows(Operation *op, Frame &frame) {
  if (auto embedding = dyn_cast<nn::EmbeddingOp>(op)) {
    Tensor y = frame.make(embedding.getY());
    for (auto [ids, table] : llvm::zip(embedding.getIds(), embedding.getTables())) {
      const Tensor &from = frame.get(table), &rows = frame.get(ids);
      for (std::int64_t r = 0; r < y.rows(); ++r)
        for (std::int64_t c = 0; c < y.width(); ++c)
          y.at(r, c) += from.at(rows.index(r), c);
    }
    frame.set(embedding.getY(), y);
  } else if (auto grad = dyn_cast<nn::EmbeddingGradOp>(op)) {
    Tensor dtable = frame.make(grad.getDtable());
    const Tensor &dy = frame.get(grad.getDy()), &order = frame.get(grad.getOrder());
    const Tensor &segments = frame.get(grad.getSegments()), &rows = frame.get(grad.getRows());
    for (std::int64_t u = 0; u < rows.rows(); ++u) {
      if (grad.getPadding() && rows.index(u) == std::int64_t(*grad.getPadding()))
        continue;
      for (std::int64_t j = segments.index(u); j < segments.index(u + 1); ++j)
        for (std::int64_t c = 0; c < dy.width(); ++c)
          dtable.at(rows.index(u), c) += dy.at(order.index(j), c);
    }
    frame.set(grad.getDtable(), dtable);
  } else if (auto gather = dyn_cast<nn::GatherRowsOp>(op)) {
    Tensor y = frame.make(gather.getY());
    const Tensor &x = frame.get(gather.getX()), &rows = frame.get(gather.getRows());
    for (std::int64_t r = 0; r < y.rows(); ++r)
      for (std::int64_t c = 0; c < y.width(); ++c)
        y.at(r, c) = x.at(rows.index(r), c);
    frame.set(gather.getY(), y);
  } else if (auto scatter = dyn_cast<nn::ScatterRowsOp>(op)) {
    Tensor dx = frame.make(scatter.getDx());
    const Tensor &dy = frame.get(scatter.getDy()), &rows = frame.get(scatter.getRows());
    for (std::int64_t r = 0; r < dy.rows(); ++r)
      for (std::int64_t c = 0; c < dy.width(); ++c)
        dx.at(rows.index(r), c) = dy.at(r, c);
    frame.set(scatter.getDx(), dx);
  } else if (auto means = dyn_cast<nn::MeanRowsOp>(op)) {
    mean(means, frame);
  } else if (auto meansGrad = dyn_cast<nn::MeanRowsGradOp>(op)) {
    meanGradient(meansGrad, frame);
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
