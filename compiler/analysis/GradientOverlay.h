// Where gradients could lie in the arena of the program that writes them, among the activations
// that die as the backward makes them.
#pragma once

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"

#include <optional>

namespace ftc {

/// One variant whose gradients one program writes and others read. Of dense gradients element e
/// lies at byte at + 4 (e - from) of the arenas of all, of compact ones at compactAt + 4 e.
class GradientOverlay {
public:
  /// A half-open range of the gradients' elements.
  using Range = std::pair<std::int64_t, std::int64_t>;

  /// None where several programs write gradients before they read them, or none is left to read
  /// them.
  static mlir::FailureOr<std::optional<GradientOverlay>> of(plan::VariantOp variant,
                                                            const BufferSizes &sizes);

  plan::ProgramOp writer() const { return program; }

  /// Places the writer's arena around the gradients, by the uses of its buffers among so many
  /// commands: sets `before` and `after` for it. `arenaBytes`: the arena without gradients in
  /// it.
  void place(const llvm::DenseMap<mlir::Value, BufferUse> &uses, int commands,
             std::int64_t arenaBytes);
  /// What no command of the writer touches of the dense gradients: between parameters, whose
  /// places are whole cache lines. Readers take them as zeros. Of compact ones they read rows
  /// in use alone.
  mlir::SmallVector<Range> unwrittenRanges() const;

  std::int64_t from = 0;              ///< the first element of dense gradients
  std::int64_t at = 0;                ///< its place in the arena
  std::int64_t compactAt = 0;         ///< the place of element 0, where compact ones begin
  std::int64_t end = 0;               ///< the writer's new arena
  std::int64_t before = 0, after = 0; ///< bytes of gradients and the largest arena
  mlir::SmallVector<plan::BufferOp>
      arena; ///< the writer's buffers there, their places in `lives`
  mlir::SmallVector<ArenaLife> lives;

private:
  GradientOverlay(plan::VariantOp variant, const BufferSizes &sizes)
      : variant(variant), sizes(sizes) {}
  void findDense();
  bool findWriter();
  mlir::LogicalResult collectArena();
  std::int64_t placeAround(const llvm::DenseMap<mlir::Value, BufferUse> &uses, int commands,
                           bool compactBehind);
  std::int64_t denseBytes() const;
  Range rangeOf(plan::BufferOp gradient) const;
  ArenaLife lifeOf(const Range &range, int first) const;

  plan::VariantOp variant;
  BufferSizes sizes;
  plan::ProgramOp program;
  mlir::SmallVector<plan::BufferOp> gradients; ///< the writer's
  std::int64_t others = 0;                     ///< the largest arena of the other programs
};

} // namespace ftc
