// The cut between what is kept for the backward and what is made again, for every price.
#include "compiler/analysis/Recomputation.h"

#include "compiler/analysis/FusedTail.h"
#include "compiler/analysis/Liveness.h"
#include "compiler/analysis/MinCut.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace mlir;

namespace ftc {

/// FLOPs that take as long as moving a byte of a value that no cache holds.
static constexpr double kFlopsPerByte = 8;
/// Choices nearer to each other than this share of what the backward reads are not told apart.
static constexpr double kResolution = 1.0 / 64;
/// So dear that nothing is kept that can be made again.
static constexpr double kHighestPrice = 1e15;

Operation *backwardSeed(func::FuncOp function) {
  auto seeds = function.front().getOps<nn::LossSeedOp>();
  return seeds.empty() ? nullptr : (*seeds.begin()).getOperation();
}

double flopsOf(func::FuncOp function, const SpaceSizes &sizes) {
  double flops = 0;
  for (Operation &op : function.front())
    if (auto model = dyn_cast<CostModel>(op))
      flops += model.getCost(sizes).flops;
  return flops;
}

std::string percentMore(double before, double after) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", before > 0 ? 100 * (after / before - 1) : 0);
  return text;
}

/// An op without a CostModel (nn.iota) only writes its results.
static double costOf(Operation *op, const SpaceSizes &sizes) {
  Cost cost;
  if (auto model = dyn_cast<CostModel>(op))
    cost = model.getCost(sizes);
  else
    cost.bytes = nn::bytesMoved(op, sizes);
  return cost.flops + kFlopsPerByte * cost.bytes;
}

RecomputeGraph::RecomputeGraph(func::FuncOp function, const SpaceSizes &sizes, double slope) {
  Operation *seed = backwardSeed(function);
  if (!seed)
    return;
  unsigned length = 0;
  for (Operation &op : function.front())
    position[&op] = length++;
  for (Operation &op : function.front()) {
    if (&op == seed)
      break;
    addOp(&op, sizes);
  }
  double begin = position.lookup(seed);
  for (Operation &op : function.front()) {
    if (&op == seed)
      break;
    std::optional<FusedTail> tail = tailOf(&op);
    for (Value result : op.getResults())
      addValue(result, index.lookup(&op) + (tail && result != tail->from), sizes, slope, begin,
               length - begin);
  }
}

void RecomputeGraph::addOp(Operation *op, const SpaceSizes &sizes) {
  unsigned place = position.lookup(op);
  index[op] = nodes.size();
  nodes.push_back({{place, false}, costOf(op, sizes)});
  if (std::optional<FusedTail> tail = tailOf(op)) {
    OpBuilder detached(op->getContext());
    Operation *made = createTail(detached, op, tail->from);
    nodes.push_back({{place, true}, costOf(made, sizes)});
    made->erase();
  }
}

void RecomputeGraph::addValue(Value value, unsigned maker, const SpaceSizes &sizes,
                              double slope, double begin, double length) {
  Kept kept{maker, 0, false, {}};
  double first = begin + length;
  for (Operation *user : value.getUsers()) {
    auto reader = index.find(user);
    if (reader != index.end()) {
      if (!llvm::is_contained(kept.readers, reader->second))
        kept.readers.push_back(reader->second);
    } else if (!isa<func::ReturnOp>(user)) {
      kept.read = true;
      first = std::min<double>(first, position.lookup(user));
    }
  }
  if (std::optional<FusedTail> tail = tailOf(value.getDefiningOp());
      tail && tail->from == value)
    kept.readers.push_back(maker + 1);
  kept.weight = arenaBytes(value, sizes) * (1 + slope * (first - begin) / length);
  whole += kept.read ? kept.weight : 0;
  values.push_back(std::move(kept));
}

RecomputeChoice RecomputeGraph::at(double price) const {
  enum { Source, Sink, FirstOp };
  unsigned firstValue = FirstOp + nodes.size();
  MinCut graph(firstValue + values.size());
  for (unsigned i = 0; i < nodes.size(); ++i)
    graph.addEdge(FirstOp + i, Sink, nodes[i].cost);
  for (unsigned i = 0; i < values.size(); ++i) {
    if (values[i].read)
      graph.addEdge(Source, firstValue + i, MinCut::kInfinite);
    graph.addEdge(firstValue + i, FirstOp + values[i].maker, price * values[i].weight);
    for (unsigned reader : values[i].readers)
      graph.addEdge(FirstOp + reader, firstValue + i, MinCut::kInfinite);
  }
  std::vector<bool> side = graph.sourceSide(Source, Sink);
  RecomputeChoice choice;
  choice.price = price;
  for (unsigned i = 0; i < nodes.size(); ++i)
    if (side[FirstOp + i]) {
      choice.again.push_back(nodes[i].part);
      choice.cost += nodes[i].cost;
    }
  for (unsigned i = 0; i < values.size(); ++i)
    if (side[firstValue + i] && !side[FirstOp + values[i].maker])
      choice.kept += values[i].weight;
  return choice;
}

/// The prices between `left` and `right` at which the best choice changes: corners of the lower
/// envelope of the lines cost + price * kept.
void RecomputeGraph::split(const RecomputeChoice &left, const RecomputeChoice &right,
                           std::vector<double> &prices) const {
  double gained = left.kept - right.kept;
  if (gained <= 0)
    return;
  double price = (right.cost - left.cost) / gained;
  RecomputeChoice middle = at(price);
  double known = left.cost + price * left.kept;
  bool below = middle.cost + price * middle.kept < known * (1 - 1e-9);
  if (!below || gained <= kResolution * whole) {
    prices.push_back(price);
    return;
  }
  split(left, middle, prices);
  split(middle, right, prices);
}

std::vector<RecomputeChoice> RecomputeGraph::frontier() const {
  std::vector<RecomputeChoice> choices{at(0)};
  RecomputeChoice last = at(kHighestPrice);
  std::vector<double> corners;
  split(choices.front(), last, corners);
  // A price between two corners has one best choice, whatever rounding does at the corners.
  for (std::size_t i = 0; i < corners.size(); ++i) {
    double high = i + 1 < corners.size() ? corners[i + 1] : 2 * corners[i];
    RecomputeChoice choice = at(std::sqrt(corners[i] * high));
    if (choice.again != choices.back().again)
      choices.push_back(std::move(choice));
  }
  return choices;
}

} // namespace ftc
