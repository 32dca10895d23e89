// Gemm's names, grids and epilogue; the order of a weight gradient's reduction.
#include "compiler/targets/cuda/kernels/Gemm.h"

#include "compiler/targets/cpu/kernels/MicroKernel.h"
#include "compiler/targets/cuda/kernels/GemmTile.h"

namespace ftc::cuda {

using cpu::Activation;
using cpu::CpuIsa;
using cpu::IntExpr;

static std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::string Gemm::key(const CpuIsa &isa) const {
  std::string name = gradient                    ? "linear_wgrad_"
                     : second == Factor::RowsOfN ? "linear_"
                                                 : "linear_dgrad_";
  name += std::to_string(gradient ? out : k) + "x" + std::to_string(n);
  if (parts > 1)
    name += "_p" + std::to_string(parts);
  name += std::string(narrowX ? "_x16" : "") + (narrowY ? "_y16" : "");
  name += cpu::epilogueName(bias, add, act, savePre, gradAct);
  if (gradient && !window)
    name += "_c" + std::to_string(chunk);
  if (window)
    name += "_w" + std::to_string(window);
  if (firstStride || resultStride)
    name += "_s" + std::to_string(firstStride + resultStride);
  return name + "_t" + std::to_string(tile) +
         (pipelined()                  ? "_cp_"
          : products == Products::Bf16 ? "_mma_"
                                       : "_fma_") +
         isa.suffix;
}

bool Gemm::pipelined() const {
  std::int64_t extent = gradient ? out : k;
  std::int64_t second = this->second == Factor::RowsOfN && !gradient ? k : n;
  return products != Products::F32 && extent % 4 == 0 && strideOfFirst() % 4 == 0 && second % 4 == 0 &&
         (gradient || k >= kStages * kStageDepth);
}

IntExpr Gemm::grid(const CpuIsa &) const {
  if (window)
    return {ceilDiv(gradient ? out : window, tileRows()) * ceilDiv(n, tileColumns()), {}};
  if (gradient)
    return {0, {{0, chunk, ceilDiv(out, tileRows()) * ceilDiv(n, tileColumns())}}};
  return {0, {{0, tileRows(), ceilDiv(n, tileColumns())}}};
}

IntExpr Gemm::flops() const { return {0, {{0, 1, 2 * n * parts * (gradient ? out : k) / windows}}}; }

int Gemm::threads() const {
  if (pipelined())
    return isTall() ? 256 : 128;
  return products == Products::Bf16 ? (tile == 128 ? 256 : 128) : tile * tile / 64;
}

std::int64_t Gemm::sharedBytes() const {
  if (pipelined())
    return kStages * (tileRows() + tileColumns()) * kStageDepth * 4;
  if (products == Products::Bf16)
    return 2 * 2 * tile * kMmaDepth * 2; // two stages of both factors
  return 2 * kFmaDepth * (tile + 4) * 4; // both factors
}

void Gemm::emit(KernelBuilder &b) const {
  GemmTile body(b, *this);
  if (pipelined())
    emitPipelinedBody(body);
  else if (products == Products::Bf16)
    emitMmaBody(body);
  else
    emitFmaBody(body);
}

GemmTile::GemmTile(KernelBuilder &b, const Gemm &spec)
    : b(b), block(b), spec(spec),
      first(b.buffer(0, spec.narrowX && !spec.gradient ? Elem::BF16 : Elem::F32)),
      second(b.buffer(1, spec.narrowX && spec.gradient ? Elem::BF16 : Elem::F32)) {
  Num m = b.toI32(b.integer(0));
  if (spec.window) {
    firstRow = b.toI32(b.integer(1));
    m = b.max(b.i32(0), b.min(m - firstRow, b.i32(spec.window)));
    Num skip = b.toI64(firstRow);
    if (spec.whole == Gemm::Whole::First)
      first = first[skip * spec.strideOfFirst()];
    if (spec.whole == Gemm::Whole::Second)
      second = second[skip * spec.n];
  }
  locate(block.task());
  rows = spec.gradient ? b.i32(spec.out) : m;
  from = chunk ? chunk * spec.chunk : b.i32(0);
  to = !spec.gradient ? b.i32(spec.k) : chunk ? b.min(from + spec.chunk, m) : m;
}

void GemmTile::locate(Num task) {
  std::int64_t tilesN = ceilDiv(spec.n, spec.tileColumns());
  std::int64_t tiles = (spec.gradient ? ceilDiv(spec.out, spec.tileRows()) : 1) * tilesN;
  if (spec.gradient && !spec.window) {
    chunk = task / tiles;
    task = task % tiles;
  }
  row = task / tilesN * spec.tileRows();
  column = task % tilesN * spec.tileColumns();
}

void GemmTile::turnTo(int part) {
  locate(block.unknown(block.task()));
  rows = b.toI32(b.integer(0));
  first = b.buffer(2 * part);
  second = b.buffer(2 * part + 1);
}

TileFactor GemmTile::firstFactor() const {
  std::int64_t extent = spec.gradient ? spec.out : spec.k, stride = spec.strideOfFirst();
  return {first, row, rows, stride, extent % 4 == 0 && stride % 4 == 0, !spec.gradient,
          spec.gradient && spec.out % spec.tileRows() == 0, spec.narrowX && !spec.gradient};
}

TileFactor GemmTile::secondFactor() const {
  bool byRows = spec.second == Gemm::Factor::RowsOfN && !spec.gradient;
  std::int64_t stride = byRows ? spec.k : spec.n;
  return {second, column, b.i32(spec.n), stride, stride % 4 == 0, byRows,
          spec.n % spec.tileColumns() == 0, spec.narrowX && spec.gradient};
}

Nums GemmTile::load(const TileFactor &factor, Num depth, Num line, Num at) {
  return factor.inner ? loadFour(factor.memory, factor.origin + line, factor.lines, depth + at,
                                 to, factor.stride, factor.inFours)
                      : loadFour(factor.memory, depth + line, to, factor.origin + at,
                                 factor.lines, factor.stride, factor.inFours);
}

Nums GemmTile::loadFour(Ptr factor, Num line, Num lines, Num at, Num width, std::int64_t stride,
                        bool inFours) {
  Ptr place = factor[b.toI64(line) * stride + b.toI64(at)];
  Nums zeros(4, b.f32(0));
  if (inFours) // a group of four is inside or outside
    return b.choose((line < lines) & (at < width), [&] { return block.loadWide(place, 4); },
                    [&] { return zeros; });
  Nums values;
  for (int i = 0; i < 4; ++i)
    values.push_back(b.choose((line < lines) & (at + i < width),
                              [&] { return Nums{b.load(place[i])}; },
                              [&] { return Nums{b.f32(0)}; })[0]);
  return values;
}

void GemmTile::beginEpilogue() {
  if (spec.gradient) {
    y = b.buffer(2);
    return;
  }
  if ((b.inGroup || spec.parts > 1) && !spec.window)
    rows = b.toI32(b.integer(0));
  int next = 2 * spec.parts;
  auto take = [&](bool present) { return present ? b.buffer(next++) : Ptr{}; };
  bias = take(spec.bias);
  addend = take(spec.add);
  saved = take(spec.gradAct != Activation::None);
  y = take(true);
  y.elem = spec.narrowY ? Elem::BF16 : Elem::F32;
  pre = take(spec.savePre);
  if (spec.window && spec.whole == Gemm::Whole::Result)
    y = y[b.toI64(firstRow) * spec.strideOfResult()];
}

void GemmTile::finishFragments(const Nums &sums, int down, int across, Num warpRow,
                               Num warpColumn, Num lane) {
  beginEpilogue();
  if (spec.narrowY && spec.pipelined()) { // neighbours' columns are one thread's (StagedFactor)
    for (int i = 0; i < down; ++i)
      for (int j = 0; j < across; j += 2)
        for (int half = 0; half < 2; ++half) {
          auto at = sums.begin() + 4 * (i * across + j) + 2 * half;
          finish(row + warpRow + (lane >> 2) + (16 * i + 8 * half),
                 column + warpColumn + (lane & 3) * 4 + 8 * j, {at[0], at[1], at[4], at[5]});
        }
    return;
  }
  for (int i = 0; i < down; ++i)
    for (int j = 0; j < across; ++j)
      for (int half = 0; half < 2; ++half) {
        auto at = sums.begin() + 4 * (i * across + j) + 2 * half;
        finish(row + warpRow + (lane >> 2) + (16 * i + 8 * half),
               column + warpColumn + (lane & 3) * 2 + 8 * j, Nums(at, at + 2));
      }
}

void GemmTile::finishBias(Num atRow, Num sum) {
  Num base = b.toI64(chunk) * partialElements(spec.out, spec.n) + spec.out * spec.n;
  b.ifThen(atRow < rows, [&] { b.store(sum, b.buffer(2)[base + b.toI64(atRow)]); });
}

void GemmTile::finish(Num atRow, Num atColumn, const Nums &values) {
  auto count = static_cast<int>(values.size());
  Num inside = (atRow < rows) & (atColumn < spec.n);
  if (spec.gradient && spec.window) {
    Num accumulate = b.integer(2);
    for (int i = 0; i < count; ++i)
      b.ifThen((atRow < rows) & (atColumn + i < spec.n), [&] {
        Ptr to = y[b.toI64(atRow) * spec.n + b.toI64(atColumn + i)];
        Num before = b.choose(
            accumulate == 0, [&] { return Nums{b.f32(0)}; },
            [&] { return Nums{b.load(to)}; })[0];
        b.store(before + values[i], to);
      });
    return;
  }
  if (spec.gradient) {
    Ptr partial = y[b.toI64(chunk) * partialElements(spec.out, spec.n) +
                              b.toI64(atRow) * spec.n + b.toI64(atColumn)];
    if (spec.n % count == 0 && partialElements(spec.out, spec.n) % count == 0) {
      b.ifThen(inside, [&] { block.storeWide(values, partial); });
      return;
    }
    for (int i = 0; i < count; ++i)
      b.ifThen((atRow < rows) & (atColumn + i < spec.n),
               [&] { b.store(values[i], partial[i]); });
    return;
  }
  Num place = b.toI64(atRow) * spec.strideOfResult() + b.toI64(atColumn);
  // Of `width` elements from `offset` on: all loads, then the stores.
  auto body = [&](int offset, int width) {
    auto load = [&](Ptr from) {
      return width > 1 ? block.loadWide(from[offset], width) : Nums{b.load(from[offset])};
    };
    auto store = [&](const Nums &list, Ptr to) {
      if (width > 1)
        block.storeWide(list, to[offset]);
      else
        b.store(list[0], to[offset]);
    };
    Nums sums(values.begin() + offset, values.begin() + offset + width);
    auto each = [&](Ptr from, const std::function<Num(Num, Num)> &combine) {
      Nums other = load(from);
      for (int i = 0; i < width; ++i)
        sums[i] = combine(sums[i], other[i]);
    };
    auto plus = [](Num x, Num y) { return x + y; };
    if (spec.bias)
      each(bias[b.toI64(atColumn)], plus);
    if (spec.add)
      each(addend[place], plus);
    if (spec.savePre)
      store(sums, pre[place]);
    for (Num &sum : sums)
      sum = cpu::activate(b, spec.act, sum);
    if (spec.gradAct != Activation::None)
      each(saved[place],
           [&](Num x, Num at) { return x * cpu::activationDerivative(b, spec.gradAct, at); });
    if (spec.narrowY) {
      Nums words;
      for (int i = 0; i < width; i += 2)
        words.push_back(block.toBf16Pair(sums[i], sums[i + 1]));
      if (words.size() > 1)
        block.storeWide(words, y[place]);
      else
        b.store(words[0], y[place]);
    } else {
      store(sums, y[place]);
    }
  };
  if (spec.n % count == 0 && spec.strideOfResult() % count == 0) {
    b.ifThen(inside, [&] { body(0, count); });
    return;
  }
  for (int i = 0; i < count; ++i)
    b.ifThen((atRow < rows) & (atColumn + i < spec.n), [&] { body(i, 1); });
}

std::int64_t partialElements(std::int64_t out, std::int64_t in) {
  return ceilDiv(out * in + out, 4) * 4;
}

std::string GemmReduce::key(const CpuIsa &isa) const {
  return "linear_wgrad_reduce_" + std::to_string(out) + "x" + std::to_string(in) +
         (bias ? "_bias" : "") + "_c" + std::to_string(chunk) + "_" + isa.suffix;
}

IntExpr GemmReduce::grid(const CpuIsa &) const {
  return {ceilDiv(out * in + (bias ? out : 0), 256), {}};
}

void GemmReduce::emit(KernelBuilder &b) const {
  BlockBuilder block(b);
  Num at = b.firstTask() * 256 + b.toI64(block.thread());
  Num chunks = (b.integer(0) + (chunk - 1)) / chunk;
  Num accumulate = b.integer(1);
  Ptr partial = b.buffer(0);
  auto reduce = [&](Ptr to) {
    Num start = b.choose(
        accumulate == 0, [&] { return Nums{b.f32(0)}; }, [&] { return Nums{b.load(to)}; })[0];
    Num sum = b.loop(0, chunks, 1, {start}, [&](Num c, const Nums &carried) {
      return Nums{carried[0] + b.load(partial[c * partialElements(out, in) + at])};
    })[0];
    b.store(sum, to);
  };
  b.ifThen(at < out * in, [&] { reduce(b.buffer(1)[at]); });
  if (bias)
    b.ifThen((at >= out * in) & (at < out * in + out),
             [&] { reduce(b.buffer(2)[at - out * in]); });
}

} // namespace ftc::cuda
