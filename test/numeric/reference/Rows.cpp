// Reference of embeddings and of moves of rows between spaces.
#include "test/numeric/reference/Reference.h"

using namespace mlir;

namespace ftc::reference {

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
    for (std::int64_t u = 0; u < rows.rows(); ++u)
      for (std::int64_t j = segments.index(u); j < segments.index(u + 1); ++j)
        for (std::int64_t c = 0; c < dy.width(); ++c)
          dtable.at(rows.index(u), c) += dy.at(order.index(j), c);
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
  } else {
    return false;
  }
  return true;
}

} // namespace ftc::reference
