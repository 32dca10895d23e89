// Launches that do not depend on each other become one: a GPU's queue is shorter, and what they
// read alike is read once.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/LaunchOrder.h"
#include "dialects/plan/Plan.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_GROUPLAUNCHES
#include "compiler/passes/Passes.h.inc"

namespace {

/// Makes the groups of one program.
class Groups {
public:
  Groups(plan::VariantOp variant, SymbolTable &symbols, plan::ProgramOp program,
         LaunchOrder &order)
      : variant(variant), symbols(symbols), program(program), order(order) {}

  void apply();

  std::size_t launches = 0, before = 0, groups = 0;

private:
  plan::KernelOp kernelOf(ArrayRef<LaunchOrder::Slot> runs);

  plan::VariantOp variant;
  SymbolTable &symbols; ///< of the variant
  plan::ProgramOp program;
  LaunchOrder &order;
};

} // namespace

/// The group's kernel, made at the first mention: equal groups share it.
plan::KernelOp Groups::kernelOf(ArrayRef<LaunchOrder::Slot> runs) {
  OpBuilder builder(variant.getContext());
  SmallVector<Attribute> names;
  SmallVector<std::int64_t> counts;
  std::string text;
  for (const LaunchOrder::Slot &run : runs) {
    auto launch = cast<plan::LaunchOp>(order.commands[run.front()].op);
    names.push_back(launch.getKernelAttr());
    counts.push_back(run.size());
    text += (launch.getKernel() + "_x" + llvm::Twine(run.size()) + "+").str();
  }
  plan::KernelOp first = order.commands[runs.front().front()].kernel;
  std::string name = (first.getSymName() + "_x" + llvm::Twine(counts.front())).str();
  if (runs.size() > 1)
    name +=
        "_with_" + llvm::utohexstr(llvm::xxh3_64bits(text) & 0xffffffff, /*LowerCase=*/true);
  ArrayAttr runsAttr = builder.getArrayAttr(names);
  DenseI64ArrayAttr countsAttr = builder.getDenseI64ArrayAttr(counts);
  // A hash may be that of another group: then the next number behind it is this one's.
  std::string stem = name;
  for (unsigned next = 2; Operation *known = symbols.lookup(name); ++next) {
    auto kernel = dyn_cast<plan::KernelOp>(known);
    if (kernel && kernel.getRunsAttr() == runsAttr && kernel.getCountsAttr() == countsAttr)
      return kernel;
    name = stem + "_" + std::to_string(next);
  }
  auto all = variant.getOps<plan::KernelOp>();
  plan::KernelOp last = *std::prev(llvm::to_vector(all).end());
  builder.setInsertionPointAfter(last);
  std::int64_t scratch = 0;
  for (const LaunchOrder::Slot &run : runs)
    scratch = std::max<std::int64_t>(
        scratch, plan::KernelOp(order.commands[run.front()].kernel).getScratchBytes());
  auto kernel = plan::KernelOp::create(builder, variant.getLoc(), name, scratch,
                                       first.getThreadsAttr(), first.getSharedBytesAttr(),
                                       first.getResidentAttr(), runsAttr, countsAttr);
  symbols.insert(kernel);
  return kernel;
}

/// Puts the commands in their order, and the arena's buffers in their places.
void Groups::apply() {
  Block &body = program.getBody().front();
  for (const LaunchOrder::Slot &slot : order.slots) {
    SmallVector<LaunchOrder::Slot> runs =
        slot.size() > 1 ? order.runsOf(slot) : SmallVector<LaunchOrder::Slot>{slot};
    for (const LaunchOrder::Slot &run : runs)
      for (unsigned command : run)
        order.commands[command].op->moveBefore(&body, body.end());
    launches += order.commands[slot.front()].kernel ? 1 : 0;
    before += order.commands[slot.front()].kernel ? slot.size() : 0;
    if (slot.size() == 1)
      continue;
    ++groups;
    auto first = cast<plan::LaunchOp>(order.commands[runs.front().front()].op);
    first.setGroupAttr(FlatSymbolRefAttr::get(kernelOf(runs).getSymNameAttr()));
  }
  program.setArenaBytes(order.end);
  for (LaunchOrder::Buffer &buffer : order.buffers)
    if (buffer.life.bytes)
      buffer.op.setOffset(buffer.life.offset);
}

namespace {

struct GroupLaunchesPass : impl::GroupLaunchesBase<GroupLaunchesPass> {
  void runOnOperation() override {
    FailureOr<BufferSizes> sizes = BufferSizes::of(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    for (auto variant : getOperation().getOps<plan::VariantOp>()) {
      SymbolTable symbols(variant);
      // Who writes gradients comes last: where they may lie is known when the others are
      // placed.
      FailureOr<std::optional<GradientOverlay>> overlay = GradientOverlay::of(variant, *sizes);
      if (failed(overlay))
        return signalPassFailure();
      plan::ProgramOp writer = *overlay ? (**overlay).writer() : plan::ProgramOp();
      auto programs = llvm::to_vector(variant.getOps<plan::ProgramOp>());
      if (writer)
        std::rotate(llvm::find(programs, writer), std::next(llvm::find(programs, writer)),
                    programs.end());
      for (plan::ProgramOp program : programs) {
        if (program == writer)
          overlay = GradientOverlay::of(variant, *sizes);
        if (llvm::none_of(variant.getOps<plan::KernelOp>(), [](plan::KernelOp kernel) {
              return kernel.getThreads().has_value();
            }))
          continue;
        LaunchOrder order(symbols, program, *sizes, program == writer ? &**overlay : nullptr);
        FailureOr<bool> found = order.find();
        if (failed(found))
          return signalPassFailure();
        if (!*found)
          continue;
        Groups made(variant, symbols, program, order);
        made.apply();
        groups += made.groups;
        saved += made.before - made.launches;
        remark::passed(program.getLoc(), remark::RemarkOpts::name("group")
                                             .category("ftc-group-launches")
                                             .function(program.getSymName()))
            << (llvm::Twine(made.before) + " launches of " + program.getSymName() + " on " +
                variant.getSymName() + " became " + llvm::Twine(made.launches))
                   .str();
      }
    }
  }
};

} // namespace
} // namespace ftc
