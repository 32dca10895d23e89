// Which launches of a program become one, in which order all commands then stand, and where the
// arena's buffers lie.
#pragma once

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"
#include "compiler/analysis/GradientOverlay.h"

namespace ftc {

/// The commands of one program, in an order of slots.
class LaunchOrder {
public:
  /// Commands that are one launch, or one that is no launch; by their numbers in program order.
  using Slot = mlir::SmallVector<unsigned>;

  /// A command with the buffers that it uses.
  struct Command {
    mlir::Operation *op;
    plan::KernelOp kernel; ///< of a launch
    struct Use {
      unsigned buffer;
      bool writes;
    };
    mlir::SmallVector<Use> uses;
  };

  struct Buffer {
    plan::BufferOp op;
    BufferPlace place;
    std::int64_t bytes; ///< in the arena; of a gradient that may come to lie there; 0 of others
    bool gradient;
    ArenaLife life = {};
    unsigned uses = 0;   ///< by all commands
    unsigned placed = 0; ///< by those that have a slot
    /// While a window of slots is looked at: uses there, and the first and the last slot of
    /// them.
    unsigned inWindow = 0;
    std::size_t first = 0, last = 0;
  };

  /// `overlay`: of the program that writes gradients, where they may come to lie in the arena.
  LaunchOrder(mlir::SymbolTable &symbols, plan::ProgramOp program, const BufferSizes &sizes,
              GradientOverlay *overlay)
      : symbols(symbols), program(program), sizes(sizes), overlay(overlay) {}

  /// Finds the order, with groups, that keeps the plan as small as it is; none (false) where
  /// there is nothing to group. An error where a buffer has no size.
  mlir::FailureOr<bool> find();

  /// Of what `find` found: commands and buffers in program order, the latter with their places
  /// in the arena, whose end is `end`.
  mlir::SmallVector<Command> commands;
  mlir::SmallVector<Buffer> buffers;
  mlir::SmallVector<Slot> slots;
  std::int64_t end = 0;

  /// Members of a group by their runs: neighbours of one kernel over one grid.
  mlir::SmallVector<Slot> runsOf(const Slot &slot) const;

private:
  mlir::LogicalResult collect();
  bool fit(const Command &a, const Command &b) const;
  bool fit(const Slot &slot, unsigned command) const;
  bool conflict(unsigned a, unsigned b) const;
  bool conflict(const Slot &a, const Slot &b) const;
  void begin();
  void append(unsigned command);
  void form(std::size_t reach, std::int64_t limit);
  std::int64_t growth(std::size_t reach, std::int64_t limit, std::int64_t plan);
  bool join(std::size_t at, bool up, std::int64_t limit);
  /// Bytes of the arena that live at each slot, and those of them that live before it too.
  struct Live {
    mlir::SmallVector<std::int64_t> at, carried;
  };
  Live liveBytes(mlir::ArrayRef<Slot> window, std::size_t at);
  std::int64_t place();
  std::int64_t overlaid(std::int64_t end);

  mlir::SymbolTable &symbols; ///< of the variant
  plan::ProgramOp program;
  const BufferSizes &sizes;
  GradientOverlay *overlay;
  std::size_t reach = 0; ///< commands between two of a group
  mlir::SmallVector<std::int64_t>
      carried;           ///< bytes that live before each slot and in it or behind
  std::int64_t open = 0; ///< the same, behind the last slot
};

} // namespace ftc
