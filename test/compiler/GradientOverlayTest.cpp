// Where gradients come to lie in the arena, on small plans and beside a look at every pair of
// what lives at once.
#include "compiler/analysis/GradientOverlay.h"

#include "test/compiler/PlanText.h"

#include <algorithm>
#include <limits>
#include <random>

namespace ftc {
namespace {

using plan::Access;
using plan::Segment;

std::optional<GradientOverlay> overlayOf(ParsedPlan &plan) {
  auto found = GradientOverlay::of(plan.variant(), plan.sizes);
  EXPECT_TRUE(mlir::succeeded(found));
  return *found;
}

void place(GradientOverlay &overlay) {
  int commands = 0;
  auto uses = usesOf(overlay.writer(), &commands);
  overlay.place(uses, commands, overlay.writer().getArenaBytes());
}

/// A program that reads the gradients from `offset` on, in an arena of so many bytes.
void addReader(PlanText &text, const char *name, std::int64_t elements, std::int64_t arena,
               std::int64_t offset = 0) {
  text.program(name, arena);
  std::string gradients = text.buffer("grads", elements, offset);
  text.launch("k", {{gradients, Access::Read}});
}

/// A program that writes them, all at once.
void addWriter(PlanText &text, const char *name, std::int64_t elements, std::int64_t arena,
               std::int64_t offset = 0) {
  text.program(name, arena);
  std::string gradients = text.buffer("grads", elements, offset);
  text.launch("k", {{gradients, Access::Write}});
}

TEST(GradientOverlay, IsOfOneProgramThatWritesAndOneThatReads) {
  PlanText one(64);
  one.kernel("k");
  addWriter(one, "train", 64, 1024);
  {
    ParsedPlan plan(one);
    EXPECT_FALSE(overlayOf(plan)); // none reads
  }
  PlanText both = one;
  addReader(both, "apply", 64, 256);
  {
    ParsedPlan plan(both);
    std::optional<GradientOverlay> overlay = overlayOf(plan);
    ASSERT_TRUE(overlay);
    EXPECT_EQ(overlay->writer(), plan.program("train"));
    EXPECT_EQ(overlay->at, 256); // behind the reader's arena
    EXPECT_EQ(overlay->from, 0);
  }
  addWriter(both, "again", 64, 1024);
  ParsedPlan plan(both);
  EXPECT_FALSE(overlayOf(plan)); // two write
}

TEST(GradientOverlay, TakesTheFirstUseForWhatAProgramIs) {
  PlanText text(64);
  text.kernel("k");
  addWriter(text, "train", 64, 1024);
  text.program("apply", 128); // scales gradients in place: reads first
  std::string gradients = text.buffer("grads", 64);
  text.launch("k", {{gradients, Access::Read}});
  text.launch("k", {{gradients, Access::Write}});
  ParsedPlan plan(text);
  std::optional<GradientOverlay> overlay = overlayOf(plan);
  ASSERT_TRUE(overlay);
  EXPECT_EQ(overlay->writer(), plan.program("train"));
}

TEST(GradientOverlay, CountsProgramsThatHoldNoGradients) {
  PlanText text(64);
  text.kernel("k");
  addWriter(text, "train", 64, 1024);
  addReader(text, "apply", 64, 128);
  text.program("evaluate", 8192);
  text.program("decode", 65536); // writes texts: never beside gradients
  text.fill(text.buffer("state", 16));
  ParsedPlan plan(text);
  std::optional<GradientOverlay> overlay = overlayOf(plan);
  ASSERT_TRUE(overlay);
  place(*overlay);
  EXPECT_EQ(overlay->before, 8192 + 4 * 64);
  EXPECT_EQ(overlay->after, 8192);
  EXPECT_EQ(overlay->end, 0); // the writer has no activations
}

TEST(GradientOverlay, DenseOnesBeginBehindCompactOnes) {
  PlanText text(1000);
  text.kernel("k");
  text.storage("table", 0, 70);
  text.storage("w", 80, 100);
  text.program("train", 0);
  std::string rows = text.buffer("grads", "s1 * 16");
  std::string w = text.buffer("grads", 100, 80), u = text.buffer("grads", 700, 192);
  for (const std::string &gradient : {rows, w, u})
    text.launch("k", {{gradient, Access::Write}});
  addReader(text, "apply", 920, 192, 80);
  ParsedPlan plan(text);
  std::optional<GradientOverlay> overlay = overlayOf(plan);
  ASSERT_TRUE(overlay);
  EXPECT_EQ(overlay->from, 80); // a whole place behind 70 elements
  using Ranges = llvm::SmallVector<GradientOverlay::Range>;
  EXPECT_EQ(overlay->unwrittenRanges(), (Ranges{{180, 192}, {892, 1000}}));
  place(*overlay);
  EXPECT_EQ(overlay->compactAt, 192 + 4 * (1000 - 80));
}

/// Both activations live while the compact gradient is made; one fits in the dense one's room.
PlanText largeTable(std::int64_t activation) {
  PlanText text(16 + 4096);
  text.kernel("k");
  text.storage("table", 0, 16);
  text.program("train", 0);
  std::string rows = text.buffer("grads", "s1 * 16"), w = text.buffer("grads", 4096, 16);
  std::string a = text.buffer("arena", activation), b = text.buffer("arena", activation);
  text.fill(a);
  text.fill(b);
  text.launch("k", {{a, Access::Read}, {b, Access::Read}, {rows, Access::Write}});
  text.launch("k", {{w, Access::Write}});
  addReader(text, "apply", 4096, 0, 16);
  return text;
}

TEST(GradientOverlay, ALargeTableComesBehindTheArena) {
  ParsedPlan plan(largeTable(4000), 64, 1 << 16);
  plan.placeArenaOf(plan.program("train"));
  std::optional<GradientOverlay> overlay = overlayOf(plan);
  ASSERT_TRUE(overlay);
  place(*overlay);
  EXPECT_LT(overlay->after, overlay->before);
  EXPECT_EQ(overlay->compactAt, overlay->end);
  // Of few rows it lies right behind the dense ones, before an activation.
  ParsedPlan few(largeTable(4000), 64, 4);
  few.placeArenaOf(few.program("train"));
  overlay = overlayOf(few);
  ASSERT_TRUE(overlay);
  place(*overlay);
  EXPECT_EQ(overlay->compactAt, 4 * 4096);
  EXPECT_GT(overlay->end, overlay->compactAt);
}

/// A train step of random activations and gradients, some of them written twice, and its
/// reader.
PlanText randomStep(std::mt19937 &random) {
  std::vector<std::pair<std::int64_t, std::int64_t>> parameters; // offset, elements
  std::int64_t end = 0;
  for (unsigned i = 1 + random() % 6; i > 0; --i) {
    parameters.push_back({end, 1 + random() % 400});
    end = (end + parameters.back().second + 15) / 16 * 16 + 16 * (random() % 3 == 0);
  }
  PlanText text(end);
  text.kernel("k");
  text.program("train");
  std::vector<std::string> activations, gradients;
  for (unsigned i = 1 + random() % 10; i > 0; --i)
    activations.push_back(text.buffer("arena", 1 + random() % 600));
  for (auto [offset, elements] : parameters)
    gradients.push_back(text.buffer("grads", elements, offset));
  for (unsigned command = 0; command < 30; ++command) {
    std::vector<PlanText::Use> uses{{activations[random() % activations.size()],
                                     random() % 2 ? Access::Write : Access::Read}};
    if (command >= gradients.size() && random() % 2)
      uses.push_back({gradients[random() % gradients.size()], Access::ReadWrite});
    text.launch("k", uses);
  }
  for (const std::string &gradient : gradients)
    text.launch("k", {{gradient, Access::ReadWrite}});
  text.program("apply", 64 * (random() % 20));
  text.launch("k", {{text.buffer("grads", end), Access::Read}});
  return text;
}

TEST(GradientOverlay, NothingLiesOverWhatLives) {
  std::mt19937 random(11);
  unsigned smaller = 0;
  for (int round = 0; round < 300; ++round) {
    ParsedPlan plan(randomStep(random));
    plan.placeArenaOf(plan.program("train"));
    std::optional<GradientOverlay> overlay = overlayOf(plan);
    ASSERT_TRUE(overlay);
    place(*overlay);
    auto uses = usesOf(overlay->writer());
    std::vector<ArenaLife> all(overlay->lives.begin(), overlay->lives.end());
    ASSERT_EQ(all.size(), overlay->arena.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      BufferUse use = uses.lookup(overlay->arena[i].getBuffer());
      EXPECT_EQ(all[i].first, use.first);
      EXPECT_EQ(all[i].last, use.last);
      EXPECT_LE(all[i].end(), overlay->end);
    }
    for (auto buffer : overlay->writer().getOps<plan::BufferOp>())
      if (buffer.getSegment() == Segment::Grads) {
        auto offset = static_cast<std::int64_t>(buffer.getOffset());
        all.push_back({*plan.sizes.elements(buffer) * 4, uses.lookup(buffer.getBuffer()).first,
                       std::numeric_limits<int>::max(), overlay->at + 4 * offset});
      }
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        EXPECT_FALSE(all[i].overlaps(all[j]) && all[i].offset < all[j].end() &&
                     all[j].offset < all[i].end())
            << "round " << round << ": " << i << " over " << j;
    smaller += overlay->after < overlay->before;
  }
  EXPECT_GT(smaller, 50u);
}

} // namespace
} // namespace ftc
