// A trie over bytes with hashed edges: WordPiece's longest match and the search for added
// tokens.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ftc::rt {

/// Node 0 is the root. At most 2^24 nodes.
class ByteTrie {
public:
  static constexpr std::uint32_t none = 0xffffffff;

  ByteTrie();
  /// Adds a key. An existing key keeps its value unless `overwrite`. False when full.
  bool insert(std::string_view key, std::int32_t value, bool overwrite);
  /// The child of `node` by `byte`, or none.
  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    std::uint32_t key = node << 8 | byte;
    for (std::uint32_t slot = hash(key) & mask;; slot = (slot + 1) & mask) {
      const Edge &edge = edges[slot];
      if (edge.child == 0)
        return none;
      if (edge.key == key)
        return edge.child;
    }
  }
  /// The node that `key` leads to, or none.
  std::uint32_t find(std::string_view key) const;
  /// The value at a node, -1 where no key ends.
  std::int32_t value(std::uint32_t node) const { return values[node]; }

private:
  struct Edge {
    std::uint32_t key;
    std::uint32_t child; ///< 0: free (the root is nobody's child)
  };
  static std::uint32_t hash(std::uint32_t key) {
    std::uint64_t h = key * 0x9e3779b97f4a7c15ull;
    return static_cast<std::uint32_t>(h >> 32 ^ h >> 15);
  }
  void addEdge(std::uint32_t key, std::uint32_t child);
  void grow();

  std::vector<Edge> edges;
  std::vector<std::int32_t> values;
  std::uint32_t mask;
};

} // namespace ftc::rt
