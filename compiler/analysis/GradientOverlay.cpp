// Gradients as buffers of the writer's arena, whose places are fixed.
#include "compiler/analysis/GradientOverlay.h"

#include <limits>

using namespace mlir;

namespace ftc {

/// Rounded up to whole places of the parameters: 64 bytes.
static std::int64_t placeEnd(std::int64_t elements) { return (elements + 15) / 16 * 16; }

/// Whether a program writes texts: it alone keeps caches.
static bool generates(plan::ProgramOp program) {
  return llvm::any_of(program.getOps<plan::BufferOp>(), [](plan::BufferOp buffer) {
    return buffer.getSegment() == plan::Segment::State;
  });
}

FailureOr<std::optional<GradientOverlay>> GradientOverlay::of(plan::VariantOp variant,
                                                              const BufferSizes &sizes) {
  GradientOverlay overlay(variant, sizes);
  overlay.findDense();
  if (!overlay.findWriter())
    return std::optional<GradientOverlay>();
  if (failed(overlay.collectArena()))
    return failure();
  return std::optional<GradientOverlay>(std::move(overlay));
}

/// Where the dense gradients begin: one whose size ranges over rows in use is compact, and its
/// parameter's place comes before all dense ones.
void GradientOverlay::findDense() {
  for (auto program : variant.getOps<plan::ProgramOp>())
    for (auto buffer : program.getOps<plan::BufferOp>())
      if (buffer.getSegment() == plan::Segment::Grads &&
          !buffer.getElements().isSingleConstant())
        for (auto storage : variant.getOps<plan::StorageOp>())
          if (storage.getOffset() == buffer.getOffset())
            from = std::max(from, placeEnd(storage.getOffset() + storage.getElements()));
}

/// The one program that writes gradients before it reads them, and what the others take.
bool GradientOverlay::findWriter() {
  bool read = false;
  for (auto other : variant.getOps<plan::ProgramOp>()) {
    llvm::DenseMap<Value, BufferUse> uses = usesOf(other);
    SmallVector<plan::BufferOp> used;
    bool reads = false; // some gradient is read before it is written
    for (auto buffer : other.getOps<plan::BufferOp>()) {
      auto use = uses.find(buffer.getBuffer());
      if (buffer.getSegment() != plan::Segment::Grads || use == uses.end())
        continue;
      used.push_back(buffer);
      reads |= use->second.readFirst;
    }
    if (reads)
      at = std::max<std::int64_t>(at, other.getArenaBytes());
    read |= reads;
    if (used.empty() || reads) {
      if (!generates(other)) // its arena is held without gradients
        others = std::max<std::int64_t>(others, other.getArenaBytes());
      continue;
    }
    if (program)
      return false;
    program = other;
    gradients = used;
  }
  return program && read;
}

/// The writer's arena, without places.
LogicalResult GradientOverlay::collectArena() {
  llvm::DenseMap<Value, BufferUse> uses = usesOf(program);
  for (auto buffer : program.getOps<plan::BufferOp>()) {
    if (buffer.getSegment() != plan::Segment::Arena || !uses.contains(buffer.getBuffer()))
      continue;
    FailureOr<std::int64_t> elements = sizes.elements(buffer);
    if (failed(elements))
      return failure();
    arena.push_back(buffer);
    lives.push_back({placedBytes(*elements * bytesOf(buffer.getDtype()))});
  }
  return success();
}

std::int64_t GradientOverlay::denseBytes() const {
  return 4 *
         (static_cast<std::int64_t>(plan::VariantOp(variant).getTrainableElements()) - from);
}

GradientOverlay::Range GradientOverlay::rangeOf(plan::BufferOp gradient) const {
  auto begin = static_cast<std::int64_t>(gradient.getOffset());
  return {begin, begin + *sizes.elements(gradient)};
}

/// From command `first` on, with the rest of its first and last cache line.
ArenaLife GradientOverlay::lifeOf(const Range &range, int first) const {
  std::int64_t begin = range.first / 16 * 16;
  return {4 * (placeEnd(range.second) - begin), first, std::numeric_limits<int>::max(),
          4 * begin + (begin < from ? compactAt : at - 4 * from)};
}

SmallVector<GradientOverlay::Range> GradientOverlay::unwrittenRanges() const {
  SmallVector<Range> written;
  for (plan::BufferOp gradient : gradients)
    if (static_cast<std::int64_t>(gradient.getOffset()) >= from)
      written.push_back(rangeOf(gradient));
  llvm::sort(written);
  SmallVector<Range> gaps;
  auto trainable = static_cast<std::int64_t>(plan::VariantOp(variant).getTrainableElements());
  std::int64_t covered = from;
  for (auto [begin, stop] : written) {
    if (begin > covered)
      gaps.push_back({covered, begin});
    covered = std::max(covered, stop);
  }
  if (covered < trainable)
    gaps.push_back({covered, trainable});
  return gaps;
}

/// Gives the end of the writer's arena. With `compactBehind` compact gradients come behind all
/// of it, else right behind the dense ones, where activations may lie before them.
std::int64_t GradientOverlay::placeAround(const llvm::DenseMap<Value, BufferUse> &uses,
                                          int commands, bool compactBehind) {
  compactAt = at + denseBytes();
  SmallVector<ArenaLife> fixed;
  for (plan::BufferOp gradient : gradients)
    if (!compactBehind || static_cast<std::int64_t>(gradient.getOffset()) >= from)
      fixed.push_back(lifeOf(rangeOf(gradient), uses.lookup(gradient.getBuffer()).first));
  for (const Range &gap : unwrittenRanges())
    fixed.push_back(lifeOf(gap, commands));
  std::int64_t end = placeArena(lives, fixed);
  if (compactBehind)
    compactAt = std::max(compactAt, end);
  return end;
}

void GradientOverlay::place(const llvm::DenseMap<Value, BufferUse> &uses, int commands,
                            std::int64_t arenaBytes) {
  for (auto [buffer, life] : llvm::zip_equal(arena, lives)) {
    BufferUse use = uses.lookup(buffer.getBuffer());
    life.first = use.first;
    life.last = use.last;
  }
  // Rows of compact gradients in use are not known here: they count on neither side.
  before = std::max(others, arenaBytes) + denseBytes();
  // A large table would push what lives beside its gradient far behind: then it comes last.
  for (bool compactBehind : {false, true}) {
    end = placeAround(uses, commands, compactBehind);
    after = std::max({others, end, at + denseBytes()});
    if (after < before)
      return;
  }
}

} // namespace ftc
