// Dinic's algorithm: blocking flows in layered residual graphs.
#include "compiler/analysis/MinCut.h"

#include <algorithm>

namespace ftc {

void MinCut::addEdge(unsigned from, unsigned to, double capacity) {
  if (!(capacity > 0))
    return;
  edges[from].push_back({to, static_cast<unsigned>(edges[to].size()), capacity});
  edges[to].push_back({from, static_cast<unsigned>(edges[from].size() - 1), 0});
}

/// Distances from the source over edges with capacity left; whether the sink has one.
bool MinCut::layer(unsigned source, unsigned sink) {
  level.assign(edges.size(), -1);
  level[source] = 0;
  std::vector<unsigned> queue{source};
  for (std::size_t i = 0; i < queue.size(); ++i)
    for (const Edge &edge : edges[queue[i]])
      if (edge.capacity > 0 && level[edge.to] < 0) {
        level[edge.to] = level[queue[i]] + 1;
        queue.push_back(edge.to);
      }
  return level[sink] >= 0;
}

/// Pushes up to `limit` from `node` to the sink along one path of the layers. The edge that
/// bounds it ends at exactly 0, so that rounding cannot keep a path open.
double MinCut::push(unsigned node, unsigned sink, double limit) {
  if (node == sink)
    return limit;
  for (; next[node] < edges[node].size(); ++next[node]) {
    Edge &edge = edges[node][next[node]];
    if (edge.capacity <= 0 || level[edge.to] != level[node] + 1)
      continue;
    double flow = push(edge.to, sink, std::min(limit, edge.capacity));
    if (flow <= 0)
      continue;
    edge.capacity -= flow;
    edges[edge.to][edge.reverse].capacity += flow;
    return flow;
  }
  return 0;
}

std::vector<bool> MinCut::sourceSide(unsigned source, unsigned sink) {
  while (layer(source, sink)) {
    next.assign(edges.size(), 0);
    while (push(source, sink, kInfinite) > 0) {
    }
  }
  std::vector<bool> side(edges.size());
  for (std::size_t node = 0; node < side.size(); ++node)
    side[node] = level[node] >= 0;
  return side;
}

} // namespace ftc
