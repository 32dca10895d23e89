// Gemm by fused multiply-adds in f32: each thread keeps 8 x 8 sums, both factors pass through
// shared memory 16 deep, the next slice waits in registers meanwhile.
#include "compiler/targets/cuda/kernels/GemmTile.h"

namespace ftc::cuda {
namespace {

/// One factor on its way from memory to shared memory [kFmaDepth][tile + 4].
class Slices {
public:
  Slices(GemmTile &tile, const TileFactor &factor, std::int64_t sharedAt)
      : tile(tile), b(tile.b), factor(factor), sharedAt(sharedAt) {}

  int groups() const { return tile.spec.tile * kFmaDepth / 4 / tile.spec.threads(); }

  Nums load(Num depth) {
    Nums all;
    for (int g = 0; g < groups(); ++g) {
      auto [line, at] = place(g);
      Nums four = tile.load(factor, depth, line, at);
      all.insert(all.end(), four.begin(), four.end());
    }
    return all;
  }

  void store(const Nums &values) {
    for (int g = 0; g < groups(); ++g) {
      auto [line, at] = place(g);
      Nums four(values.begin() + 4 * g, values.begin() + 4 * g + 4);
      if (!factor.inner) {
        tile.block.storeWide(four, address(line, at));
        continue;
      }
      for (int i = 0; i < 4; ++i)
        tile.block.store(four[i], address(at + i, line));
    }
  }

  BlockBuilder::Shared address(const Term &depth, Num at) const {
    int pitch = tile.spec.tile + 4;
    Num row = depth.num ? depth.num : b.i32(depth.integer);
    return tile.block.shared((row * pitch + at) * 4 + sharedAt);
  }

private:
  /// Line and first element of a thread's group, in the order of memory.
  std::pair<Num, Num> place(int group) {
    Num index = tile.block.thread() + group * tile.spec.threads();
    int perLine = (factor.inner ? kFmaDepth : tile.spec.tile) / 4;
    return {index / perLine, index % perLine * 4};
  }

  GemmTile &tile;
  KernelBuilder &b;
  TileFactor factor;
  std::int64_t sharedAt;
};

} // namespace

void emitFmaBody(GemmTile &tile) {
  KernelBuilder &b = tile.b;
  BlockBuilder &block = tile.block;
  const Gemm &spec = tile.spec;
  Slices left(tile, tile.firstFactor(), 0);
  Slices right(tile, tile.secondFactor(), kFmaDepth * (spec.tile + 4) * 4);
  int side = spec.tile / 8; // threads a side
  Num thread = block.thread();
  Num y = thread / side, x = thread % side;
  Num half = b.i32(spec.tile / 2);

  auto fetch = [&](Num depth) {
    Nums next = left.load(depth), other = right.load(depth);
    next.insert(next.end(), other.begin(), other.end());
    return next;
  };
  Nums carried(64, b.f32(0));
  Num bias = b.f32(0);
  bool sumsBias = spec.gradient && spec.bias;
  carried.push_back(bias);
  Nums waiting = fetch(tile.from);
  carried.insert(carried.end(), waiting.begin(), waiting.end());
  // Of one step LLVM would make straight code, whose sums it puts off to the stores of single
  // elements: all that they are made of would be held until then.
  bool oneStep = !spec.gradient && spec.k <= kFmaDepth;
  Num last = b.toI64(oneStep ? block.unknown(tile.to) : tile.to);
  Nums sums =
      b.loop(b.toI64(tile.from), last, kFmaDepth, carried, [&](Num depth, const Nums &c) {
        Nums sums(c.begin(), c.begin() + 64);
        Num bias = c[64];
        std::size_t mine = 4 * left.groups();
        block.barrier(); // the slice before has been read
        left.store(Nums(c.begin() + 65, c.begin() + 65 + mine));
        right.store(Nums(c.begin() + 65 + mine, c.end()));
        block.barrier();
        Nums next = fetch(b.toI32(depth) + kFmaDepth);
        for (int k = 0; k < kFmaDepth; ++k) {
          Nums rows, columns;
          for (int part = 0; part < 2; ++part)
            for (auto [list, slices, at] :
                 {std::tuple(&rows, &left, y), std::tuple(&columns, &right, x)}) {
              Num offset = part ? at * 4 + half : at * 4;
              Nums four = block.loadWide(slices->address(k, offset), 4, b.f32Type());
              list->insert(list->end(), four.begin(), four.end());
            }
          for (int i = 0; i < 8; ++i)
            for (int j = 0; j < 8; ++j)
              sums[8 * i + j] = b.fma(rows[i], columns[j], sums[8 * i + j]);
        }
        if (sumsBias) { // thread t of the first tile's threads sums column t
          for (int k = 0; k < kFmaDepth; ++k)
            bias = bias + block.load(left.address(k, thread % spec.tile), b.f32Type());
        }
        sums.push_back(bias);
        sums.insert(sums.end(), next.begin(), next.end());
        return sums;
      });
  tile.beginEpilogue();
  for (int i = 0; i < 8; ++i)
    for (int part = 0; part < 2; ++part) {
      Num row = tile.row + y * 4 + i % 4 + (i < 4 ? b.i32(0) : half);
      Num column = tile.column + x * 4 + (part ? half : b.i32(0));
      tile.finish(row, column,
                  Nums(sums.begin() + 8 * i + 4 * part, sums.begin() + 8 * i + 4 * part + 4));
    }
  if (sumsBias)
    b.ifThen((tile.column == 0) & (thread < spec.tile),
             [&] { tile.finishBias(tile.row + thread, sums[64]); });
}

} // namespace ftc::cuda
