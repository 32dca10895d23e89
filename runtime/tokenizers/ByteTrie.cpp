// The trie's edges are one open-addressed table, kept at most half full.
#include "runtime/tokenizers/ByteTrie.h"

#include <utility>

namespace ftc::rt {

ByteTrie::ByteTrie() : edges(64, Edge{0, 0}), values(1, -1), mask(63) {}

void ByteTrie::addEdge(std::uint32_t key, std::uint32_t child) {
  std::uint32_t slot = hash(key) & mask;
  while (edges[slot].child != 0)
    slot = (slot + 1) & mask;
  edges[slot] = {key, child};
}

void ByteTrie::grow() {
  std::vector<Edge> old = std::exchange(edges, std::vector<Edge>(edges.size() * 2, Edge{0, 0}));
  mask = static_cast<std::uint32_t>(edges.size() - 1);
  for (const Edge &edge : old)
    if (edge.child != 0)
      addEdge(edge.key, edge.child);
}

bool ByteTrie::insert(std::string_view key, std::int32_t value, bool overwrite) {
  std::uint32_t node = 0;
  for (char c : key) {
    std::uint32_t next = child(node, static_cast<unsigned char>(c));
    if (next == none) {
      if (values.size() >= (1u << 24))
        return false;
      next = static_cast<std::uint32_t>(values.size());
      if (values.size() * 2 > edges.size())
        grow();
      addEdge(node << 8 | static_cast<unsigned char>(c), next);
      values.push_back(-1);
    }
    node = next;
  }
  if (overwrite || values[node] < 0)
    values[node] = value;
  return true;
}

std::uint32_t ByteTrie::find(std::string_view key) const {
  std::uint32_t node = 0;
  for (char c : key) {
    node = child(node, static_cast<unsigned char>(c));
    if (node == none)
      return none;
  }
  return node;
}

} // namespace ftc::rt
