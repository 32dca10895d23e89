// The minimum cut of a small directed graph, by maximum flow (Dinic 1970).
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <limits>
#include <vector>

namespace ftc {

/// A directed graph with capacities. Edges keep the order in which they were added, which makes
/// a cut deterministic.
class MinCut {
public:
  static constexpr double kInfinite = std::numeric_limits<double>::infinity();

  explicit MinCut(unsigned nodes) : edges(nodes) {}

  /// An edge of capacity >= 0; what is at most 0 can carry nothing and is left out.
  void addEdge(unsigned from, unsigned to, double capacity);

  /// The smallest side of the source among the minimum cuts: side[node] says whether a node is
  /// on it. Expects that some path from `source` to `sink` is finite, or none.
  std::vector<bool> sourceSide(unsigned source, unsigned sink);

private:
  struct Edge {
    unsigned to, reverse; ///< index of the opposite edge at `to`
    double capacity;      ///< what is left of it
  };
  bool layer(unsigned source, unsigned sink);
  double push(unsigned node, unsigned sink, double limit);

  std::vector<std::vector<Edge>> edges;
  std::vector<int> level;
  std::vector<unsigned> next; ///< the first edge of a node that may still lead to the sink
};

} // namespace ftc
