// Checks a finished plan: segments' bounds, lives in the arena, writes before reads.
#include "compiler/plan/VerifyPlan.h"

#include "compiler/analysis/BufferLives.h"
#include "dialects/plan/Plan.h"
#include "runtime/abi/Kernel.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

using namespace mlir;

namespace ftc {
namespace {

/// A half-open range of bytes or elements.
struct Extent {
  std::int64_t begin = 0, end = 0;
  bool overlaps(const Extent &other) const { return begin < other.end && other.begin < end; }
  bool within(const Extent &other) const { return begin >= other.begin && end <= other.end; }
  std::string text() const {
    return "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
  }
};

/// A buffer in the arena: its bytes at capacity, and the commands it lives through.
struct Life {
  plan::BufferOp op;
  Extent bytes;
  int first = -1, last = -1;
  bool written = false;
  bool gradient = false; ///< slices of gradients may share bytes
};

/// One program of a variant.
class ProgramVerifier {
public:
  ProgramVerifier(plan::VariantOp variant, plan::ProgramOp program, const BufferSizes &sizes)
      : variant(variant), program(program), sizes(sizes), uses(usesOf(program)) {}
  LogicalResult verify();

private:
  LogicalResult verifyBuffer(plan::BufferOp buffer);
  void noteOverlaid(plan::BufferOp gradient, const Extent &slice);
  LogicalResult verifyMoments(plan::BufferOp buffer, const Extent &slice);
  LogicalResult verifyInside(plan::BufferOp buffer, const Extent &place, const Extent &segment);
  LogicalResult verifyCommand(Operation &command);
  LogicalResult use(Operation &command, Value buffer, bool reads, bool writes);
  LogicalResult verifyArena();
  LogicalResult verifyGroups();

  plan::VariantOp variant;
  plan::ProgramOp program;
  const BufferSizes &sizes;
  llvm::DenseMap<Value, BufferUse> uses;
  std::vector<Life> lives;
  llvm::DenseMap<Value, unsigned> lifeOf;
  llvm::DenseSet<Value> written;
};

} // namespace

/// The bytes of the segment that a moment takes.
static Extent extentOf(plan::MomentOp moment) {
  std::int64_t offset = moment.getOffset();
  return {offset, offset + static_cast<std::int64_t>(moment.getElements()) *
                               bytesOf(moment.getDtype())};
}

LogicalResult ProgramVerifier::verifyInside(plan::BufferOp buffer, const Extent &place,
                                            const Extent &segment) {
  if (place.within(segment))
    return success();
  return buffer.emitOpError("expected a place inside ")
         << segment.text() << ", got " << place.text();
}

/// A slice of the moments is one moment, or neighbours of one type with the gaps between them.
LogicalResult ProgramVerifier::verifyMoments(plan::BufferOp buffer, const Extent &slice) {
  bool begins = false;
  std::int64_t covered = 0;
  for (auto moment : variant.getOps<plan::MomentOp>()) {
    Extent place = extentOf(moment);
    if (!place.overlaps(slice))
      continue;
    begins |= place.begin == slice.begin;
    covered = std::max(covered, place.end);
    if (moment.getDtype() != buffer.getDtype())
      return buffer.emitOpError("expected the elements of moment ")
             << moment.getIndex() << " of '" << moment.getParameter() << "' as "
             << moment.getDtype() << ", got " << buffer.getDtype();
  }
  if (begins && slice.end >= covered && slice.end <= (covered + 63) / 64 * 64)
    return verifyInside(buffer, slice,
                        {0, static_cast<std::int64_t>(variant.getMomentsBytes())});
  return buffer.emitOpError("expected whole moments, got bytes ") << slice.text();
}

/// A gradient that may lie in the arena lives there to the program's end, and from its
/// beginning where it is read before it is written.
void ProgramVerifier::noteOverlaid(plan::BufferOp gradient, const Extent &slice) {
  auto use = uses.find(gradient.getBuffer());
  std::optional<std::uint64_t> from = variant.getOverlaidFrom(), at = variant.getOverlaidAt();
  if (!from || !at || use == uses.end())
    return;
  // Where element 0 would lie.
  std::int64_t zero =
      slice.begin < static_cast<std::int64_t>(*from)
          ? variant.getOverlaidCompactAt().value_or(0)
          : static_cast<std::int64_t>(*at) - 4 * static_cast<std::int64_t>(*from);
  lives.push_back({gradient,
                   {zero + 4 * slice.begin, zero + 4 * slice.end},
                   use->second.readFirst ? 0 : use->second.first,
                   std::numeric_limits<int>::max(),
                   true,
                   true});
}

LogicalResult ProgramVerifier::verifyBuffer(plan::BufferOp buffer) {
  FailureOr<std::int64_t> elements = sizes.elements(buffer);
  if (failed(elements))
    return failure();
  std::int64_t offset = buffer.getOffset(), params = variant.getParamsElements();
  std::int64_t trainable = variant.getTrainableElements();
  std::int64_t state = variant.getStateBytes(), arena = program.getArenaBytes();
  std::int64_t width = bytesOf(buffer.getDtype());
  Extent slice{offset, offset + *elements}, bytes{offset, offset + *elements * width};
  plan::Segment segment = buffer.getSegment();
  BufferUse use = uses.lookup(buffer.getBuffer());
  if ((segment == plan::Segment::Arena || segment == plan::Segment::State) &&
      offset % abi::kBufferAlignment != 0)
    return buffer.emitOpError("expected an offset that is a multiple of ")
           << abi::kBufferAlignment << ", got " << offset;
  switch (segment) {
  case plan::Segment::Params:
    if (llvm::none_of(variant.getOps<plan::StorageOp>(), [&](plan::StorageOp storage) {
          std::int64_t begin = storage.getOffset();
          return begin <= offset &&
                 offset < begin + static_cast<std::int64_t>(storage.getElements());
        }))
      return buffer.emitOpError("expected a parameter's plan.storage at its offset ")
             << offset << ", got none";
    return verifyInside(buffer, slice, {0, params});
  case plan::Segment::Grads:
    noteOverlaid(buffer, slice);
    return verifyInside(buffer, slice, {0, trainable});
  case plan::Segment::Moments:
    return verifyMoments(buffer, bytes);
  case plan::Segment::State:
    return verifyInside(buffer, bytes, {0, state});
  case plan::Segment::Arena:
    lifeOf[buffer.getBuffer()] = lives.size();
    lives.push_back({buffer, bytes, use.first, use.last});
    return verifyInside(buffer, bytes, {0, arena});
  case plan::Segment::Input:
  case plan::Segment::Output:
    return success();
  }
  return success();
}

/// Notes that a command reads or writes a buffer.
LogicalResult ProgramVerifier::use(Operation &command, Value buffer, bool reads, bool writes) {
  auto op = buffer.getDefiningOp<plan::BufferOp>();
  if (writes && op.getSegment() == plan::Segment::Input)
    return command.emitOpError("expected to write no input, got '") << *op.getName() << "'";
  if (writes)
    written.insert(buffer);
  auto found = lifeOf.find(buffer);
  if (found == lifeOf.end())
    return success();
  Life &life = lives[found->second];
  if (reads && !life.written)
    return command.emitOpError(
               "expected to read what a command before it wrote, got the arena's ")
           << life.bytes.text() << ", which none did";
  life.written |= writes;
  return success();
}

LogicalResult ProgramVerifier::verifyCommand(Operation &command) {
  if (auto launch = dyn_cast<plan::LaunchOp>(command)) {
    // Reads first: an operand that the same launch writes is no source for them.
    for (plan::Access pass : {plan::Access::Read, plan::Access::Write})
      for (auto [operand, number] : llvm::zip_equal(launch.getOperands(), launch.getAccess())) {
        auto access = static_cast<plan::Access>(number);
        bool reads = pass == plan::Access::Read && access != plan::Access::Write;
        bool writes = pass == plan::Access::Write && access != plan::Access::Read;
        if ((reads || writes) && failed(use(command, operand, reads, writes)))
          return failure();
      }
    return success();
  }
  if (auto fill = dyn_cast<plan::FillOp>(command)) {
    // A fill that may be skipped leaves what was there, which must be something.
    return use(command, fill.getTarget(), fill.getUnless().has_value(), true);
  }
  auto copy = cast<plan::CopyOp>(command);
  return failure(failed(use(command, copy.getSource(), true, false)) ||
                 failed(use(command, copy.getTarget(), false, true)));
}

/// Sorted by address, so that only neighbours within reach are compared.
LogicalResult ProgramVerifier::verifyArena() {
  std::vector<const Life *> order;
  for (const Life &life : lives)
    if (life.first >= 0)
      order.push_back(&life);
  std::sort(order.begin(), order.end(), [](const Life *a, const Life *b) {
    return std::tie(a->bytes.begin, a->first) < std::tie(b->bytes.begin, b->first);
  });
  for (std::size_t i = 0; i < order.size(); ++i)
    for (std::size_t k = i + 1; k < order.size(); ++k) {
      const Life &a = *order[i], &b = *order[k];
      if (b.bytes.begin >= a.bytes.end)
        break;
      if (!a.bytes.overlaps(b.bytes) || a.last < b.first || b.last < a.first ||
          (a.gradient && b.gradient))
        continue;
      plan::BufferOp op = b.op;
      return op.emitOpError("expected arena bytes of its own while it lives (commands ")
             << b.first << " to " << b.last << "), got " << b.bytes.text() << " beside "
             << a.bytes.text() << " (commands " << a.first << " to " << a.last << ")";
    }
  return success();
}

/// Launches of a group run at once: none writes what another one reads or writes. Arena buffers
/// that share bytes are verifyArena's.
LogicalResult ProgramVerifier::verifyGroups() {
  SmallVector<plan::LaunchOp> members;
  LogicalResult result = success();
  plan::forEachLaunch(program, [&](plan::LaunchOp launch, plan::KernelOp group) {
    if (launch.getGroup() || !group)
      members.clear();
    for (plan::LaunchOp other : members)
      for (auto [a, accessA] : llvm::zip_equal(launch.getOperands(), launch.getAccess()))
        for (auto [b, accessB] : llvm::zip_equal(other.getOperands(), other.getAccess())) {
          bool reads = static_cast<plan::Access>(accessA) == plan::Access::Read &&
                       static_cast<plan::Access>(accessB) == plan::Access::Read;
          if (succeeded(result) && !reads &&
              mayOverlap(a.getDefiningOp<plan::BufferOp>(), b.getDefiningOp<plan::BufferOp>(),
                         sizes))
            result = launch.emitOpError("expected independent launches in group @")
                     << group.getSymName() << ", got one that writes what another one of '"
                     << other.getLabel() << "' uses";
        }
    if (group)
      members.push_back(launch);
  });
  return result;
}

LogicalResult ProgramVerifier::verify() {
  for (Operation &op : program.getBody().front()) {
    auto buffer = dyn_cast<plan::BufferOp>(op);
    if (failed(buffer ? verifyBuffer(buffer) : verifyCommand(op)))
      return failure();
  }
  for (auto buffer : program.getOps<plan::BufferOp>())
    if (buffer.getSegment() == plan::Segment::Output && !written.contains(buffer.getBuffer()))
      return buffer.emitOpError("expected a command that writes output '")
             << *buffer.getName() << "', got none";
  return failure(failed(verifyGroups()) || failed(verifyArena()));
}

/// Places lie inside their segment and apart.
template <typename Op>
static LogicalResult verifyPlaces(plan::VariantOp variant, const Extent &segment,
                                  llvm::function_ref<Extent(Op)> extentOf) {
  std::vector<std::pair<Extent, Op>> places;
  for (auto op : variant.getOps<Op>()) {
    Extent place = extentOf(op);
    if (!place.within(segment))
      return op.emitOpError("expected a place inside ")
             << segment.text() << ", got " << place.text();
    places.push_back({place, op});
  }
  llvm::sort(places, [](const auto &a, const auto &b) {
    return std::tie(a.first.begin, a.first.end) < std::tie(b.first.begin, b.first.end);
  });
  for (std::size_t i = 1; i < places.size(); ++i)
    if (places[i].first.overlaps(places[i - 1].first))
      return places[i].second.emitOpError("expected a place of its own, got ")
             << places[i].first.text() << " beside " << places[i - 1].first.text() << " of '"
             << places[i - 1].second.getParameter() << "'";
  return success();
}

static LogicalResult verifyStorage(plan::VariantOp variant) {
  Extent params{0, static_cast<std::int64_t>(variant.getParamsElements())};
  Extent moments{0, static_cast<std::int64_t>(variant.getMomentsBytes())};
  return failure(failed(verifyPlaces<plan::StorageOp>(
                     variant, params,
                     [](plan::StorageOp op) {
                       std::int64_t offset = op.getOffset();
                       return Extent{offset,
                                     offset + static_cast<std::int64_t>(op.getElements())};
                     })) ||
                 failed(verifyPlaces<plan::MomentOp>(variant, moments, extentOf)));
}

/// What a run calls is there: evaluation, and a step of one of its two forms.
static LogicalResult verifyPrograms(plan::VariantOp variant, bool generates) {
  auto has = [&](llvm::StringRef name) {
    return isa_and_nonnull<plan::ProgramOp>(variant.lookupSymbol(name));
  };
  for (const char *name : {"evaluate", "prefill", "decode"})
    if (!has(name) && (generates || llvm::StringRef(name) == "evaluate"))
      return variant.emitOpError("expected a program '") << name << "', got none";
  if (has("train_accumulate") != has("apply") || !(has("apply") || has("train_step")))
    return variant.emitOpError("expected the programs 'train_accumulate' and 'apply', or "
                               "'train_step', got not all of one form");
  return success();
}

/// Every kernel of a group is launched with it.
static LogicalResult verifyGroupKernels(plan::VariantOp variant) {
  std::set<std::pair<llvm::StringRef, llvm::StringRef>> launched;
  for (auto program : variant.getOps<plan::ProgramOp>())
    plan::forEachLaunch(program, [&](plan::LaunchOp launch, plan::KernelOp group) {
      if (group)
        launched.insert({group.getSymName(), launch.getKernel()});
    });
  for (auto kernel : variant.getOps<plan::KernelOp>())
    for (Attribute run : kernel.getRuns().value_or(ArrayAttr::get(variant.getContext(), {})))
      if (llvm::StringRef name = cast<FlatSymbolRefAttr>(run).getValue();
          !launched.count({kernel.getSymName(), name}))
        return kernel.emitOpError("expected a launch of @")
               << name << " in its group, got none";
  return success();
}

LogicalResult verifyPlan(ModuleOp module, bool generates) {
  FailureOr<BufferSizes> sizes = BufferSizes::of(module);
  if (failed(sizes))
    return failure();
  for (auto variant : module.getOps<plan::VariantOp>()) {
    if (failed(verifyStorage(variant)) || failed(verifyPrograms(variant, generates)) ||
        failed(verifyGroupKernels(variant)))
      return failure();
    for (auto program : variant.getOps<plan::ProgramOp>())
      if (failed(ProgramVerifier(variant, program, *sizes).verify()))
        return failure();
  }
  return success();
}

} // namespace ftc
