// The language model's loss in chunks of rows: logits of a chunk, their loss and gradient in
// place, and both products with that gradient in one pass over the vocabulary.
#pragma once

#include "compiler/targets/cpu/kernels/KernelSpec.h"

namespace ftc::cpu {

/// What the kernels of one vocabulary_loss share. Launches take the ints R (all rows) and
/// `first` (the chunk's first row, a multiple of `chunk`): the chunk's rows are [first,
/// min(first + chunk, R)), none where that is empty. A chunk's logits have rows of `stride()`
/// floats, of which those beyond the vocabulary hold nothing.
struct VocabularyShape {
  std::int64_t hidden = 0, vocabulary = 0;
  std::int64_t chunk = 0;  ///< rows, a multiple of every tile's
  std::int64_t chunks = 1; ///< launches that share the work: for the count of FLOPs alone
  bool pairs =
      false; ///< products of factors rounded to bf16, with f32 sums; isa.bf16Pairs alone

  /// Vocabulary rows of a backward group: a multiple of the register tile's rows.
  static std::int64_t groupRows(const CpuIsa &isa);
  std::int64_t groups(const CpuIsa &isa) const;
  /// Tasks of the backward, each with a share of groups and a partial dx of its own.
  std::int64_t splits(const CpuIsa &isa) const;
  std::int64_t stride(const CpuIsa &isa) const;
  std::int64_t logitElements(const CpuIsa &isa) const { return chunk * stride(isa); }
  std::int64_t partialElements(const CpuIsa &isa) const { return splits(isa) * chunk * hidden; }
  std::string name(const char *prefix, const CpuIsa &isa) const;
  /// Chunk for at most `rows` rows: about 56 MiB of logits, at least 48 rows, at most 384.
  static std::int64_t chooseChunk(std::int64_t rows, std::int64_t vocabulary);
};

/// logits[r, v] = x[first + r] . weight[v], with `bias` plus bias[v]; a row's bits depend on that
/// row alone. `dense`: all rows at once, side by side without gaps, and of the shape hidden and
/// vocabulary alone count.
///   buffers  x [R, hidden], weight [vocabulary, hidden] row-major, logits [chunk, stride];
///            dense: logits [R, vocabulary]; [bias: bias [vocabulary]]
///   ints     R, [not dense: first]
///   scalars  none
struct VocabularyLogits : Kernel {
  VocabularyShape shape;
  bool bias = false;
  bool dense = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// row_loss[first + r] of the chunk's logits (cross_entropy's equation); with `gradient` the
/// logits are overwritten by (softmax - target) * inverse_denominator, zeros where the label
/// is -100.
///   buffers  logits [chunk, stride], labels [R], row_loss [R]
///   ints     R, first
///   scalars  label_smoothing, [gradient: inverse_denominator]
struct VocabularyRows : Kernel {
  VocabularyShape shape;
  bool gradient = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

/// Task s owns the s-th share of the vocabulary: partial[s, r] = dlogits[r, share]
/// weight[share] and, with `weightGradient`, dweight[share] (+)= dlogits[:, share]^T x. The
/// order of all additions is fixed by the shape.
///   buffers  dlogits [chunk, stride], x [R, hidden], weight [vocabulary, hidden],
///            partial [splits, chunk, hidden], [weightGradient: dweight [vocabulary, hidden]]
///   ints     R, first, accumulate (0: overwrite dweight, 1: add to it)
///   scalars  none
struct VocabularyBackward : Kernel {
  VocabularyShape shape;
  bool weightGradient = false;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  std::int64_t scratchBytes(const CpuIsa &isa) const override;
  IntExpr flops() const override;
  void emit(KernelBuilder &b) const override;
};

/// dx[first + r] = sum over s of partial[s, r], in order of s.
///   buffers  partial [splits, chunk, hidden], dx [R, hidden]
///   ints     R, first
///   scalars  none
struct VocabularySum : Kernel {
  VocabularyShape shape;

  std::string key(const CpuIsa &isa) const override;
  IntExpr grid(const CpuIsa &isa) const override;
  void emit(KernelBuilder &b) const override;
};

} // namespace ftc::cpu
