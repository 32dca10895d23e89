// Sums of embedding rows, and their gradient over tokens sorted by row.
#include "compiler/targets/cpu/kernels/Embedding.h"

#include "compiler/targets/cpu/KernelBuilder.h"

namespace ftc::cpu {

static constexpr std::int64_t rowBlock = 16;
static constexpr std::int64_t columnBlock = 128;

std::string EmbeddingSum::key(const CpuIsa &isa) const {
  std::string name = "embedding_sum" + std::to_string(tables) + "_";
  for (int table = 0; table < tables; ++table)
    if (types[table] != Elem::F32)
      name += "t" + std::to_string(table) + weightTypeName(types[table]);
  return name + "h" + std::to_string(hidden) + "_" + isa.suffix;
}

IntExpr EmbeddingSum::grid(const CpuIsa &) const { return {0, {{0, rowBlock, 1}}}; }

void EmbeddingSum::emit(KernelBuilder &b) const {
  std::vector<Ptr> weights, ids;
  for (int table = 0; table < tables; ++table) {
    weights.push_back(b.buffer(2 * table, types[table]));
    ids.push_back(b.buffer(2 * table + 1, Elem::I32));
  }
  Ptr out = b.buffer(2 * tables);
  b.forTaskRows(b.integer(0), rowBlock, [&](Num token) {
    std::vector<Ptr> rows;
    for (int table = 0; table < tables; ++table)
      rows.push_back(weights[table][b.toI64(b.load(ids[table][token])) * hidden]);
    b.forVectors(hidden, [&](Num offset, Num mask) {
      Num sum = b.loadVector(rows[0][offset], mask);
      for (int table = 1; table < tables; ++table)
        sum = sum + b.loadVector(rows[table][offset], mask);
      b.storeVector(sum, out[token * hidden + offset], mask);
    });
  });
}

std::string EmbeddingGrad::key(const CpuIsa &isa) const {
  return "embedding_grad_h" + std::to_string(hidden) +
         (padding < 0 ? "" : "_p" + std::to_string(padding)) + (compact ? "_compact_" : "_") +
         isa.suffix;
}

// A task is a row and a block of columns: a table of two types keeps all threads busy.
IntExpr EmbeddingGrad::grid(const CpuIsa &) const {
  return {0, {{0, 1, (hidden + columnBlock - 1) / columnBlock}}};
}

void EmbeddingGrad::emit(KernelBuilder &b) const {
  Ptr dy = b.buffer(0), order = b.buffer(1, Elem::I32), segments = b.buffer(2, Elem::I32);
  Ptr rows = b.buffer(3, Elem::I32), gradient = b.buffer(4);
  Ptr slots = compact ? b.buffer(5, Elem::I32) : Ptr{};
  std::int64_t blocks = (hidden + columnBlock - 1) / columnBlock;
  const int ways = 4;
  b.forTasks([&](Num task) {
    Num unit = task / blocks;
    Num from = task % blocks * columnBlock;
    Num to = b.min(from + columnBlock, b.i64(hidden));
    Num first = b.toI64(b.load(segments[unit])), last = b.toI64(b.load(segments[unit + 1]));
    Num row = b.toI64(b.load(rows[unit]));
    if (padding >= 0) // an empty range: the row stays as it is
      to = b.select(row == padding, from, to);
    if (compact)
      row = b.toI64(b.load(slots[row]));
    Ptr target = gradient[row * hidden];
    auto add = [&](Num column, Num mask, int count) {
      Nums sums = b.loop(first, last, 1, Nums(count, b.vec(0)), [&](Num j, const Nums &sums) {
        Ptr source = dy[b.toI64(b.load(order[j])) * hidden + column];
        Nums next;
        for (int i = 0; i < count; ++i)
          next.push_back(sums[i] + b.loadVector(source[i * b.isa.lanes], mask));
        return next;
      });
      for (int i = 0; i < count; ++i) {
        Ptr at = target[column + i * b.isa.lanes];
        b.storeVector(b.loadVector(at, mask) + sums[i], at, mask);
      }
    };
    std::int64_t wide = ways * b.isa.lanes;
    Num middle = from + (to - from) / wide * wide;
    b.loop(from, middle, wide, [&](Num column) { add(column, Num{}, ways); });
    b.forVectorsDynamic(middle, to, [&](Num column, Num mask) { add(column, mask, 1); });
  });
}

} // namespace ftc::cpu
