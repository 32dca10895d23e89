// Minimum cuts of small random graphs beside all of their cuts.
#include "compiler/analysis/MinCut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ftc {
namespace {

struct Edge {
  unsigned from, to;
  double capacity;
};

double capacityOf(const std::vector<Edge> &edges, const std::vector<bool> &side) {
  double sum = 0;
  for (const Edge &edge : edges)
    if (side[edge.from] && !side[edge.to])
      sum += edge.capacity;
  return sum;
}

TEST(MinCut, IsTheSmallestOfAllCuts) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    unsigned nodes = 3 + random() % 6;
    std::vector<Edge> edges;
    MinCut graph(nodes);
    for (unsigned i = random() % (3 * nodes); i > 0; --i) {
      Edge edge{unsigned(random() % nodes), unsigned(random() % nodes), double(random() % 9)};
      // An infinite edge that ends at the sink could leave no finite cut.
      if (edge.to > 1 && random() % 5 == 0)
        edge.capacity = MinCut::kInfinite;
      edges.push_back(edge);
      graph.addEdge(edge.from, edge.to, edge.capacity);
    }
    std::vector<bool> found = graph.sourceSide(0, 1);
    ASSERT_TRUE(found[0]);
    ASSERT_FALSE(found[1]);
    double least = MinCut::kInfinite;
    std::size_t smallest = nodes;
    for (unsigned bits = 0; bits < 1u << nodes; ++bits) {
      if (!(bits & 1) || (bits & 2))
        continue;
      std::vector<bool> side(nodes);
      for (unsigned node = 0; node < nodes; ++node)
        side[node] = bits >> node & 1;
      double capacity = capacityOf(edges, side);
      auto size = std::size_t(std::count(side.begin(), side.end(), true));
      if (capacity < least || (capacity == least && size < smallest)) {
        least = capacity;
        smallest = size;
      }
    }
    EXPECT_EQ(capacityOf(edges, found), least);
    EXPECT_EQ(std::size_t(std::count(found.begin(), found.end(), true)), smallest);
  }
}

} // namespace
} // namespace ftc
