// Plans of one variant, written a buffer and a command at a time, for what is computed of
// plans.
#pragma once

#include "compiler/analysis/ArenaPlacement.h"
#include "compiler/analysis/BufferLives.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ftc {

/// A variant's text. Sizes are numbers, or maps over s0, `tokens`, and s1, `touched`.
class PlanText {
public:
  explicit PlanText(std::int64_t trainableElements = 0) : trainable(trainableElements) {}

  /// A kernel; without threads one of a CPU.
  void kernel(const std::string &name, int threads = 128, int sharedBytes = 64,
              int resident = 3) {
    head += "  plan.kernel @" + name + " {scratch_bytes = 0 : i64";
    if (threads)
      head += ", threads = " + number(threads) + ", shared_bytes = " + number(sharedBytes) +
              ", resident = " + number(resident);
    head += "}\n";
  }
  void storage(const std::string &name, std::int64_t offset, std::int64_t elements) {
    head += "  plan.storage \"" + name +
            "\" {panel_width = 0 : i64, offset = " + number(offset) +
            ", elements = " + number(elements) + "}\n";
  }

  /// Begins a program: buffers and commands that follow are its.
  void program(const std::string &name, std::int64_t arenaBytes = 0) {
    programs.push_back({"  plan.program @" + name +
                            " attributes {arena_bytes = " + number(arenaBytes) + "} {\n",
                        ""});
  }
  std::string buffer(const char *segment, const std::string &elements,
                     std::int64_t offset = 0) {
    std::string name = "%b" + std::to_string(buffers++);
    programs.back().first += "    " + name + " = plan.buffer " + segment +
                             " {dtype = f32, elements = affine_map<()[s0, s1] -> (" + elements +
                             ")>, offset = " + number(offset) + "}\n";
    return name;
  }
  std::string buffer(const char *segment, std::int64_t elements, std::int64_t offset = 0) {
    return buffer(segment, std::to_string(elements), offset);
  }

  struct Use {
    std::string buffer;
    plan::Access access;
  };
  void launch(const std::string &kernel, const std::vector<Use> &uses, int grid = 1) {
    std::string operands, accesses;
    for (const Use &use : uses) {
      operands += (operands.empty() ? "" : ", ") + use.buffer;
      accesses += (accesses.empty() ? "" : ", ") + std::to_string(static_cast<int>(use.access));
    }
    programs.back().second += "    plan.launch @" + kernel + "(" + operands +
                              ") {access = array<i32: " + accesses +
                              ">, ints = [], scalars = [], grid = affine_map<() -> (" +
                              std::to_string(grid) + ")>, label = \"x\"}\n";
  }
  void fill(const std::string &buffer) {
    programs.back().second += "    plan.fill " + buffer + "\n";
  }

  std::string text(std::int64_t tokens, std::int64_t touched) const {
    std::string all =
        "module attributes {plan.symbols = [\"tokens\", \"touched\"], plan.capacities = "
        "array<i64: " +
        std::to_string(tokens) + ", " + std::to_string(touched) +
        ">} {\nplan.variant @v attributes {target = \"cuda\", params_elements = " +
        number(trainable) + ", trainable_elements = " + number(trainable) +
        ", decay_elements = 0 : i64, moments_bytes = 0 : i64, state_bytes = 0 : i64} {\n" +
        head;
    for (const auto &[begin, commands] : programs)
      all += begin + commands + "  }\n";
    return all + "}\n}\n";
  }

private:
  static std::string number(std::int64_t value) { return std::to_string(value) + " : i64"; }

  std::int64_t trainable;
  int buffers = 0;
  std::string head;
  std::vector<std::pair<std::string, std::string>> programs; ///< buffers, commands
};

/// A parsed plan, verified.
class ParsedPlan {
public:
  explicit ParsedPlan(const PlanText &text, std::int64_t tokens = 64,
                      std::int64_t touched = 4) {
    context.loadDialect<plan::PlanDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text.text(tokens, touched),
                                                     mlir::ParserConfig(&context));
    EXPECT_TRUE(module) << text.text(tokens, touched);
    sizes = *BufferSizes::of(*module);
  }

  plan::VariantOp variant() { return *module->getOps<plan::VariantOp>().begin(); }
  plan::ProgramOp program(llvm::StringRef name) {
    return variant().lookupSymbol<plan::ProgramOp>(name);
  }

  /// Lets a program's arena be as large as its commands' order makes it.
  void placeArenaOf(plan::ProgramOp program) {
    auto uses = usesOf(program);
    llvm::SmallVector<ArenaLife> lives;
    for (auto buffer : program.getOps<plan::BufferOp>())
      if (buffer.getSegment() == plan::Segment::Arena && uses.contains(buffer.getBuffer())) {
        BufferUse use = uses.lookup(buffer.getBuffer());
        lives.push_back({placedBytes(*sizes.elements(buffer) * 4), use.first, use.last});
      }
    program.setArenaBytes(placeArena(lives));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  BufferSizes sizes;
};

} // namespace ftc
