// Lets gradients lie where the activations died that the backward made them of.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"
#include "dialects/plan/Plan.h"

#include "mlir/IR/Remarks.h"

#include <limits>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_OVERLAYGRADIENTS
#include "compiler/passes/Passes.h.inc"

namespace {

/// Rounded up to whole places of the parameters: 64 bytes.
std::int64_t placeEnd(std::int64_t elements) { return (elements + 15) / 16 * 16; }

/// A half-open range of the gradients' elements.
using Range = std::pair<std::int64_t, std::int64_t>;

/// A program with its buffers of gradients.
struct GradientProgram {
  plan::ProgramOp program;
  llvm::DenseMap<Value, BufferUse> uses;
  int commands = 0;
  SmallVector<plan::BufferOp> gradients;
  bool reads = false; ///< some gradient is read before it is written
};

/// One variant.
class Overlay {
public:
  Overlay(plan::VariantOp variant, const BufferSizes &sizes) : variant(variant), sizes(sizes) {}

  /// Moves gradients into the arena where that makes the plan smaller; tells whether it did.
  FailureOr<bool> run();

  std::int64_t before = 0, after = 0; ///< bytes of gradients and the largest arena

private:
  void findPrograms();
  LogicalResult collectArena();
  std::int64_t placeWriter(bool compactBehind);
  std::int64_t denseBytes() const {
    return 4 *
           (static_cast<std::int64_t>(plan::VariantOp(variant).getTrainableElements()) - from);
  }
  SmallVector<Range> unwrittenRanges();
  Range rangeOf(plan::BufferOp gradient) const {
    auto begin = static_cast<std::int64_t>(gradient.getOffset());
    return {begin, begin + *sizes.elements(gradient)};
  }
  /// From command `first` on, with the rest of its first and last cache line.
  ArenaLife lifeOf(const Range &range, int first) const {
    std::int64_t begin = range.first / 16 * 16;
    return {4 * (placeEnd(range.second) - begin), first, std::numeric_limits<int>::max(),
            4 * begin + (begin < from ? compactAt : at - 4 * from)};
  }
  void apply();
  static bool generates(plan::ProgramOp program);

  plan::VariantOp variant;
  const BufferSizes &sizes;
  std::int64_t from = 0;      ///< the first element of dense gradients
  std::int64_t at = 0;        ///< its place in the arena
  std::int64_t compactAt = 0; ///< the place of element 0, where compact ones begin
  std::int64_t end = 0;       ///< the writer's new arena
  SmallVector<GradientProgram> programs;
  GradientProgram *writer = nullptr;
  SmallVector<plan::BufferOp> arena; ///< the writer's buffers there
  SmallVector<ArenaLife> lives;
};

/// Programs that touch gradients, and where the dense ones begin: a gradient whose size ranges
/// over rows in use is compact, and its parameter's place comes before all dense ones.
void Overlay::findPrograms() {
  for (auto program : variant.getOps<plan::ProgramOp>())
    for (auto buffer : program.getOps<plan::BufferOp>())
      if (buffer.getSegment() == plan::Segment::Grads &&
          !buffer.getElements().isSingleConstant())
        for (auto storage : variant.getOps<plan::StorageOp>())
          if (storage.getOffset() == buffer.getOffset())
            from = std::max(from, placeEnd(storage.getOffset() + storage.getElements()));
  for (auto program : variant.getOps<plan::ProgramOp>()) {
    GradientProgram entry;
    entry.program = program;
    entry.uses = usesOf(program, &entry.commands);
    for (auto buffer : program.getOps<plan::BufferOp>()) {
      auto use = entry.uses.find(buffer.getBuffer());
      if (buffer.getSegment() != plan::Segment::Grads || use == entry.uses.end())
        continue;
      entry.gradients.push_back(buffer);
      entry.reads |= use->second.readFirst;
    }
    if (!entry.gradients.empty())
      programs.push_back(std::move(entry));
  }
}

/// What no command of the writer touches of the dense gradients: between parameters, whose
/// places are whole cache lines. Readers take them as zeros. Of compact ones they read rows in
/// use alone.
SmallVector<Range> Overlay::unwrittenRanges() {
  SmallVector<Range> written;
  for (plan::BufferOp gradient : writer->gradients)
    if (static_cast<std::int64_t>(gradient.getOffset()) >= from)
      written.push_back(rangeOf(gradient));
  llvm::sort(written);
  SmallVector<Range> gaps;
  auto trainable = static_cast<std::int64_t>(variant.getTrainableElements());
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

/// The writer's arena, without places.
LogicalResult Overlay::collectArena() {
  for (auto buffer : writer->program.getOps<plan::BufferOp>()) {
    auto use = writer->uses.find(buffer.getBuffer());
    if (buffer.getSegment() != plan::Segment::Arena || use == writer->uses.end())
      continue;
    FailureOr<std::int64_t> elements = sizes.elements(buffer);
    if (failed(elements))
      return failure();
    std::int64_t bytes = placedBytes(*elements * bytesOf(buffer.getDtype()));
    arena.push_back(buffer);
    lives.push_back({bytes, use->second.first, use->second.last});
  }
  return success();
}

/// Places the writer's arena around the gradients, each of which lives from its first command
/// on; gives its end. With `compactBehind` compact ones come behind all of it, else right
/// behind the dense ones, where activations may lie before them.
std::int64_t Overlay::placeWriter(bool compactBehind) {
  compactAt = at + denseBytes();
  SmallVector<ArenaLife> fixed;
  for (plan::BufferOp gradient : writer->gradients)
    if (!compactBehind || static_cast<std::int64_t>(gradient.getOffset()) >= from)
      fixed.push_back(lifeOf(rangeOf(gradient), writer->uses[gradient.getBuffer()].first));
  for (const Range &gap : unwrittenRanges())
    fixed.push_back(lifeOf(gap, writer->commands));
  std::int64_t end = placeArena(lives, fixed);
  if (compactBehind)
    compactAt = std::max(compactAt, end);
  return end;
}

void Overlay::apply() {
  for (auto [buffer, life] : llvm::zip_equal(arena, lives))
    buffer.setOffset(life.offset);
  writer->program.setArenaBytes(end);
  Block &body = writer->program.getBody().front();
  OpBuilder places = OpBuilder::atBlockBegin(&body), fills = OpBuilder::atBlockEnd(&body);
  Location location = writer->program.getLoc();
  for (auto [begin, stop] : unwrittenRanges()) {
    AffineExpr elements = getAffineConstantExpr(stop - begin, places.getContext());
    auto gap = plan::BufferOp::create(
        places, location, plan::BufferType::get(places.getContext()), plan::Segment::Grads,
        places.getF32Type(), AffineMap::get(0, sizes.names.size(), elements), begin,
        StringAttr());
    plan::FillOp::create(fills, location, gap, StringAttr());
  }
  variant.setOverlaidFrom(from);
  variant.setOverlaidAt(at);
  variant.setOverlaidCompactAt(compactAt);
}

FailureOr<bool> Overlay::run() {
  findPrograms();
  for (GradientProgram &program : programs) {
    if (program.reads) {
      at = std::max<std::int64_t>(at, program.program.getArenaBytes());
      continue;
    }
    if (writer)
      return false;
    writer = &program;
  }
  if (!writer || programs.size() < 2)
    return false;
  if (failed(collectArena()))
    return failure();
  // Rows of compact gradients in use are not known here: they count on neither side.
  std::int64_t others = 0;
  for (auto program : variant.getOps<plan::ProgramOp>()) {
    if (generates(program))
      continue; // its arena is held without gradients
    before = std::max<std::int64_t>(before, program.getArenaBytes());
    if (program != writer->program)
      others = std::max<std::int64_t>(others, program.getArenaBytes());
  }
  before += denseBytes();
  // A large table would push what lives beside its gradient far behind: then it comes last.
  for (bool compactBehind : {false, true}) {
    end = placeWriter(compactBehind);
    after = std::max({others, end, at + denseBytes()});
    if (after < before) {
      apply();
      return true;
    }
  }
  return false;
}

/// Whether a program writes texts: it alone keeps caches.
bool Overlay::generates(plan::ProgramOp program) {
  return llvm::any_of(program.getOps<plan::BufferOp>(), [](plan::BufferOp buffer) {
    return buffer.getSegment() == plan::Segment::State;
  });
}

struct OverlayGradientsPass : impl::OverlayGradientsBase<OverlayGradientsPass> {
  void runOnOperation() override {
    FailureOr<BufferSizes> sizes = BufferSizes::of(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    for (auto variant : getOperation().getOps<plan::VariantOp>()) {
      Overlay overlay(variant, *sizes);
      FailureOr<bool> done = overlay.run();
      if (failed(done))
        return signalPassFailure();
      if (!*done)
        continue;
      ++overlaid;
      remark::passed(variant.getLoc(), remark::RemarkOpts::name("overlay")
                                           .category("ftc-overlay-gradients")
                                           .function(variant.getSymName()))
          << (llvm::Twine("gradients of ") + variant.getSymName() +
              " lie where activations died: " + llvm::Twine(overlay.before) + " -> " +
              llvm::Twine(overlay.after) + " bytes of gradients and arena")
                 .str();
    }
  }
};

} // namespace
} // namespace ftc
