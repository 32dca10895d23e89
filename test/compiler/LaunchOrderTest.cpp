// Which launches become one: the rules on small programs, and on drawn ones that nothing passes
// what it depends on and nothing lies over what lives.
#include "compiler/analysis/LaunchOrder.h"

#include "test/compiler/PlanText.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace ftc {
namespace {

using plan::Access;
using plan::Segment;
using Slots = std::vector<std::vector<unsigned>>;

/// What `find` finds for a program; empty where there is nothing to group.
Slots slotsOf(ParsedPlan &plan, const char *program = "p") {
  mlir::SymbolTable symbols(plan.variant());
  LaunchOrder order(symbols, plan.program(program), plan.sizes, nullptr);
  mlir::FailureOr<bool> found = order.find();
  EXPECT_TRUE(mlir::succeeded(found));
  Slots slots;
  if (*found)
    for (const LaunchOrder::Slot &slot : order.slots)
      slots.emplace_back(slot.begin(), slot.end());
  return slots;
}

/// Launches of these kernels, none of which depends on another.
PlanText independent(const std::vector<const char *> &kernels, PlanText text = PlanText()) {
  text.program("p");
  std::vector<std::string> outputs;
  for (std::size_t i = 0; i < kernels.size(); ++i)
    outputs.push_back(text.buffer("params", 16, static_cast<std::int64_t>(16 * i)));
  for (std::size_t i = 0; i < kernels.size(); ++i)
    text.launch(kernels[i], {{outputs[i], Access::Write}});
  return text;
}

TEST(LaunchOrder, GroupsKernelsOfOneBlockShape) {
  PlanText kernels;
  kernels.kernel("k", 128, 64, 3);
  kernels.kernel("same", 128, 64, 3);
  kernels.kernel("threads", 256, 64, 3);
  kernels.kernel("shared", 128, 128, 3);
  kernels.kernel("resident", 128, 64, 2);
  kernels.kernel("cpu", 0);
  for (auto [other, grouped] :
       {std::pair("k", true), std::pair("same", true), std::pair("threads", false),
        std::pair("shared", false), std::pair("resident", false), std::pair("cpu", false)}) {
    ParsedPlan plan(independent({"k", other}, kernels));
    EXPECT_EQ(slotsOf(plan), grouped ? (Slots{{0, 1}}) : Slots()) << other;
  }
  ParsedPlan cpu(independent({"cpu", "cpu"}, kernels));
  EXPECT_EQ(slotsOf(cpu), Slots());
}

TEST(LaunchOrder, AGroupHasSixteenLaunches) {
  PlanText kernels;
  kernels.kernel("k");
  ParsedPlan plan(independent(std::vector<const char *>(20, "k"), kernels));
  Slots slots = slotsOf(plan);
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[0].size(), 16u);
  EXPECT_EQ(slots[1].size(), 4u);
}

TEST(LaunchOrder, AGroupHasFourRuns) {
  PlanText kernels;
  std::vector<const char *> names{"a", "b", "c", "d", "e"};
  for (const char *name : names)
    kernels.kernel(name);
  ParsedPlan plan(independent(names, kernels));
  EXPECT_EQ(slotsOf(plan), (Slots{{0, 1, 2, 3}, {4}}));
}

/// A launch, a chain of others behind it, and one more that depends on none of them.
PlanText apart(int chain) {
  PlanText text;
  text.kernel("k");
  text.kernel("other", 32);
  text.program("p");
  std::string first = text.buffer("params", 16), between = text.buffer("params", 16, 16),
              last = text.buffer("params", 16, 32);
  text.launch("k", {{first, Access::Write}});
  for (int i = 0; i < chain; ++i)
    text.launch("other", {{between, Access::ReadWrite}});
  text.launch("k", {{last, Access::Write}});
  return text;
}

TEST(LaunchOrder, ReachesOverThirtyTwoCommands) {
  ParsedPlan near(apart(31)), far(apart(32));
  Slots slots = slotsOf(near);
  ASSERT_EQ(slots.size(), 32u);
  EXPECT_TRUE(std::any_of(slots.begin(), slots.end(), [](const std::vector<unsigned> &slot) {
    return slot == std::vector<unsigned>{0, 32};
  }));
  EXPECT_EQ(slotsOf(far), Slots());
}

TEST(LaunchOrder, ReachesFromTheFirstOfAGroup) {
  PlanText text;
  text.kernel("k");
  text.kernel("other", 32);
  text.program("p");
  std::vector<std::string> outputs;
  for (int i = 0; i < 4; ++i)
    outputs.push_back(text.buffer("params", 16, 16 * i));
  for (int i = 0; i < 3; ++i) {
    std::vector<PlanText::Use> uses{{outputs[i], Access::Write}};
    if (i == 1) // where the first comes to it
      uses.push_back({outputs[3], Access::Read});
    text.launch("k", uses);
    for (int j = 0; j < 19; ++j)
      text.launch("other", {{outputs[3], Access::ReadWrite}});
  }
  ParsedPlan plan(text);
  Slots slots = slotsOf(plan);
  EXPECT_NE(std::find(slots.begin(), slots.end(), (std::vector<unsigned>{0, 20})), slots.end());
  EXPECT_NE(std::find(slots.begin(), slots.end(), std::vector<unsigned>{40}), slots.end());
}

/// Two launches of one kernel, and one of another shape between them: with `uses` of each.
Slots slotsAround(const PlanText::Use &first, const PlanText::Use &between,
                  const PlanText::Use &last, PlanText text) {
  text.launch("k", {first});
  text.launch("other", {between});
  text.launch("k", {last});
  ParsedPlan plan(text);
  plan.placeArenaOf(plan.program("p"));
  return slotsOf(plan);
}

TEST(LaunchOrder, JoinsWhereNothingIsInTheWay) {
  PlanText text;
  text.kernel("k");
  text.kernel("other", 32);
  text.program("p");
  std::string a = text.buffer("params", 16), b = text.buffer("params", 16, 16);
  // The one between reads what the first wrote: the last goes up; it writes what the last
  // reads: the first goes down; both: none moves.
  EXPECT_EQ(slotsAround({a, Access::Write}, {a, Access::Read}, {b, Access::Write}, text),
            (Slots{{0, 2}, {1}}));
  EXPECT_EQ(slotsAround({a, Access::Write}, {b, Access::Write}, {b, Access::Read}, text),
            (Slots{{1}, {0, 2}}));
  EXPECT_EQ(slotsAround({a, Access::Write}, {a, Access::ReadWrite}, {a, Access::Read}, text),
            Slots());
}

TEST(LaunchOrder, JoinsWhereLessLives) {
  PlanText text;
  text.kernel("k");
  text.kernel("other", 32);
  text.kernel("reader", 64);
  text.program("p");
  std::string large = text.buffer("arena", 4096), b = text.buffer("params", 16),
              c = text.buffer("params", 16, 16);
  PlanText read = text;
  read.fill(large); // dies with the last launch: that goes up
  EXPECT_EQ(slotsAround({large, Access::Read}, {b, Access::Write}, {large, Access::Read}, read),
            (Slots{{0}, {1, 3}, {2}}));
  PlanText written = text;
  written.launch("k", {{large, Access::Write}}); // lives from the first on: that goes down
  written.launch("other", {{b, Access::Write}});
  written.launch("k", {{c, Access::Write}});
  written.launch("reader", {{large, Access::Read}});
  ParsedPlan plan(written);
  plan.placeArenaOf(plan.program("p"));
  EXPECT_EQ(slotsOf(plan), (Slots{{1}, {0, 2}, {3}}));
}

TEST(LaunchOrder, RunsAreOfOneKernelOverOneGrid) {
  PlanText text;
  text.kernel("k");
  text.kernel("same");
  text.program("p");
  std::vector<std::string> outputs;
  for (int i = 0; i < 5; ++i)
    outputs.push_back(text.buffer("params", 16, 16 * i));
  text.launch("k", {{outputs[0], Access::Write}}, 1);
  text.launch("same", {{outputs[1], Access::Write}}, 1);
  text.launch("k", {{outputs[2], Access::Write}}, 2);
  text.launch("k", {{outputs[3], Access::Write}}, 1);
  text.launch("same", {{outputs[4], Access::Write}}, 1);
  ParsedPlan plan(text);
  mlir::SymbolTable symbols(plan.variant());
  LaunchOrder order(symbols, plan.program("p"), plan.sizes, nullptr);
  ASSERT_TRUE(*order.find());
  ASSERT_EQ(order.slots.size(), 1u);
  Slots runs;
  for (const LaunchOrder::Slot &run : order.runsOf(order.slots.front()))
    runs.emplace_back(run.begin(), run.end());
  EXPECT_EQ(runs, (Slots{{0, 3}, {1, 4}, {2}}));
}

TEST(LaunchOrder, PlacesThatOverlapAreOneAnothers) {
  for (std::int64_t offset : {8, 16}) { // of 16 elements behind those at 0
    PlanText text;
    text.kernel("k");
    text.program("p");
    std::string a = text.buffer("params", 16), b = text.buffer("params", 16, offset);
    text.launch("k", {{a, Access::Write}});
    text.launch("k", {{b, Access::Write}});
    ParsedPlan plan(text);
    EXPECT_EQ(slotsOf(plan), offset < 16 ? Slots() : (Slots{{0, 1}}));
  }
}

TEST(LaunchOrder, ABufferWithoutASizeIsAnError) {
  PlanText text;
  text.kernel("k");
  text.program("p");
  text.launch("k", {{text.buffer("arena", "s1"), Access::Write}});
  ParsedPlan plan(text, 64, 0);
  std::string said;
  mlir::ScopedDiagnosticHandler handler(
      &plan.context, [&](mlir::Diagnostic &diagnostic) { said = diagnostic.str(); });
  mlir::SymbolTable symbols(plan.variant());
  LaunchOrder order(symbols, plan.program("p"), plan.sizes, nullptr);
  EXPECT_TRUE(mlir::failed(order.find()));
  EXPECT_NE(said.find("expected a size over symbols with a capacity"), said.npos) << said;
}

/// A program of 60 random commands, and one that reads the gradients that it writes.
PlanText drawn(std::mt19937 &random) {
  PlanText text(1024);
  std::vector<std::string> kernels{"a", "b", "c", "d", "e", "f"};
  for (std::size_t i = 0; i < kernels.size(); ++i)
    text.kernel(kernels[i], i < 5 ? 128 : 32);
  text.program("p");
  std::vector<std::string> buffers, gradients;
  for (int i = 0; i < 20; ++i)
    buffers.push_back(text.buffer("arena", 1 + random() % 4000));
  for (int i = 0; i < 5; ++i)
    buffers.push_back(text.buffer("params", 20, random() % 100));
  for (int i = 0; i < 4; ++i)
    gradients.push_back(text.buffer("grads", 256, 256 * i));
  for (std::size_t command = 0; command < 60; ++command) {
    // Values are of use for a while, as those of a layer are.
    auto near = [&] { return buffers[(command / 3 + random() % 4) % buffers.size()]; };
    if (random() % 10 == 0) {
      text.fill(near());
      continue;
    }
    std::vector<PlanText::Use> uses{{near(), Access::Read},
                                    {near(), random() % 3 ? Access::Write : Access::ReadWrite}};
    if (command % 15 == 14)
      uses.push_back({gradients[command / 15], Access::Write});
    text.launch(kernels[random() % kernels.size()], uses, 1 + random() % 2);
  }
  for (const std::string &gradient : gradients) // also where a fill came in its turn
    text.launch("f", {{gradient, Access::ReadWrite}});
  text.program("apply", 128);
  text.launch("f", {{text.buffer("grads", 1024), Access::Read}});
  return text;
}

/// A command's buffers, and whether it writes them; by the plan's ops alone.
std::vector<std::pair<plan::BufferOp, bool>> usesBy(mlir::Operation *op) {
  std::vector<std::pair<plan::BufferOp, bool>> uses;
  auto launch = mlir::dyn_cast<plan::LaunchOp>(op);
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    uses.push_back({operand.getDefiningOp<plan::BufferOp>(),
                    !launch || launch.getAccess()[index] != static_cast<int>(Access::Read)});
  return uses;
}

bool depend(mlir::Operation *a, mlir::Operation *b, const BufferSizes &sizes) {
  for (auto [x, writesX] : usesBy(a))
    for (auto [y, writesY] : usesBy(b))
      if ((writesX || writesY) && mayOverlap(x, y, sizes))
        return true;
  return false;
}

void expectRight(LaunchOrder &order, const BufferSizes &sizes) {
  std::vector<std::size_t> slotOf(order.commands.size(), order.slots.size());
  for (auto [at, slot] : llvm::enumerate(order.slots)) {
    EXPECT_LE(slot.size(), 16u);
    EXPECT_LE(order.runsOf(slot).size(), 4u);
    EXPECT_LE(*llvm::max_element(slot) - *llvm::min_element(slot), 32u);
    for (unsigned command : slot) {
      EXPECT_EQ(slotOf[command], order.slots.size()) << "twice: " << command;
      slotOf[command] = at;
      EXPECT_TRUE(slot.size() == 1 || order.commands[command].kernel);
    }
  }
  for (std::size_t later = 0; later < slotOf.size(); ++later) {
    ASSERT_LT(slotOf[later], order.slots.size()) << "left out: " << later;
    for (std::size_t sooner = 0; sooner < later; ++sooner)
      if (depend(order.commands[sooner].op, order.commands[later].op, sizes))
        EXPECT_LT(slotOf[sooner], slotOf[later]) << sooner << " before " << later;
  }
  // Lives of the arena's buffers, by the slots of what uses them.
  std::map<mlir::Operation *, ArenaLife> lives;
  for (std::size_t command = 0; command < slotOf.size(); ++command)
    for (auto [buffer, writes] : usesBy(order.commands[command].op)) {
      if (buffer.getSegment() != Segment::Arena)
        continue;
      int slot = static_cast<int>(slotOf[command]);
      auto [life, fresh] = lives.try_emplace(buffer, ArenaLife{0, slot, slot});
      life->second.first = std::min(life->second.first, slot);
      life->second.last = std::max(life->second.last, slot);
    }
  std::vector<ArenaLife> placed;
  for (const LaunchOrder::Buffer &buffer : order.buffers) {
    auto life = lives.find(buffer.op);
    ASSERT_EQ(life != lives.end(), buffer.life.bytes > 0);
    if (life == lives.end())
      continue;
    plan::BufferOp op = buffer.op;
    life->second.bytes = 4 * *sizes.elements(op);
    life->second.offset = buffer.life.offset;
    EXPECT_GE(buffer.life.bytes, life->second.bytes);
    EXPECT_LE(life->second.end(), order.end);
    placed.push_back(life->second);
  }
  for (std::size_t i = 0; i < placed.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_FALSE(placed[i].overlaps(placed[j]) && placed[i].offset < placed[j].end() &&
                   placed[j].offset < placed[i].end());
}

TEST(LaunchOrder, NothingPassesWhatItDependsOn) {
  std::mt19937 random(17);
  unsigned grouped = 0;
  for (int round = 0; round < 60; ++round) {
    ParsedPlan plan(drawn(random));
    plan::ProgramOp program = plan.program("p");
    plan.placeArenaOf(program);
    mlir::SymbolTable symbols(plan.variant());
    LaunchOrder order(symbols, program, plan.sizes, nullptr);
    if (!*order.find())
      continue;
    SCOPED_TRACE(round);
    ++grouped;
    expectRight(order, plan.sizes);
    auto arena = static_cast<std::int64_t>(program.getArenaBytes());
    EXPECT_LE(order.end, arena + arena / 32);
  }
  EXPECT_GT(grouped, 30u);
}

/// Bytes of gradients and arena, wherever gradients lie, with the commands in these slots.
std::int64_t planBytes(GradientOverlay &overlay, const LaunchOrder &order, std::int64_t arena) {
  llvm::DenseMap<mlir::Value, BufferUse> uses;
  for (auto [at, slot] : llvm::enumerate(order.slots))
    for (unsigned command : slot)
      for (auto [buffer, writes] : usesBy(order.commands[command].op)) {
        BufferUse &use = uses[buffer.getBuffer()];
        use.first = use.first < 0 ? static_cast<int>(at) : use.first;
        use.last = static_cast<int>(at);
      }
  overlay.place(uses, static_cast<int>(order.slots.size()), arena);
  return std::min(overlay.before, overlay.after);
}

TEST(LaunchOrder, LeavesGradientsTheirRoom) {
  std::mt19937 random(19);
  unsigned grouped = 0;
  for (int round = 0; round < 40; ++round) {
    ParsedPlan plan(drawn(random));
    plan::ProgramOp program = plan.program("p");
    plan.placeArenaOf(program);
    auto arena = static_cast<std::int64_t>(program.getArenaBytes());
    auto overlay = GradientOverlay::of(plan.variant(), plan.sizes);
    ASSERT_TRUE(mlir::succeeded(overlay) && *overlay);
    int commands = 0;
    auto uses = usesOf(program, &commands);
    (**overlay).place(uses, commands, arena);
    std::int64_t before = std::min((**overlay).before, (**overlay).after);
    mlir::SymbolTable symbols(plan.variant());
    LaunchOrder order(symbols, program, plan.sizes, &**overlay);
    if (!*order.find())
      continue;
    SCOPED_TRACE(round);
    ++grouped;
    expectRight(order, plan.sizes);
    EXPECT_LE(planBytes(**overlay, order, order.end), before + before / 32);
    EXPECT_LE(order.end, arena + before / 32);
  }
  EXPECT_GT(grouped, 20u);
}

} // namespace
} // namespace ftc
