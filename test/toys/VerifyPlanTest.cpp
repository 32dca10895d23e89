// The plan's verifier: a good plan passes, and each way to break it gets its own diagnostic.
#include "compiler/plan/VerifyPlan.h"

#include "dialects/plan/Plan.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace ftc {
namespace {

/// Two arena buffers that share bytes one after the other, and one slice of each segment.
const char *const kGood = R"(
#n = affine_map<()[s0, s1] -> (s0)>
#c = affine_map<()[s0, s1] -> (16)>
#one = affine_map<()[s0, s1] -> (1)>
#two = affine_map<()[s0, s1] -> (32)>
module attributes {plan.symbols = ["tokens", "step"], plan.capacities = array<i64: 64, 0>} {
  plan.variant @v attributes {target = "cpu", params_elements = 48 : i64,
      trainable_elements = 32 : i64, decay_elements = 16 : i64, moments_bytes = 208 : i64,
      state_bytes = 128 : i64} {
    plan.storage "w" {panel_width = 0 : i64, offset = 0 : i64, elements = 16 : i64}
    plan.storage "u" {panel_width = 0 : i64, offset = 16 : i64, elements = 16 : i64}
    plan.storage "f" {panel_width = 0 : i64, offset = 32 : i64, elements = 16 : i64}
    plan.moment "w" {index = 0 : i64, dtype = f32, shape = array<i64: 16>, panel_width = 0 : i64, offset = 0 : i64, elements = 16 : i64}
    plan.moment "u" {index = 0 : i64, dtype = f32, shape = array<i64: 13>, panel_width = 0 : i64, offset = 64 : i64, elements = 13 : i64}
    plan.moment "w" {index = 1 : i64, dtype = i8, shape = array<i64: 16>, panel_width = 0 : i64, offset = 128 : i64, elements = 16 : i64}
    plan.moment "u" {index = 1 : i64, dtype = i8, shape = array<i64: 16>, panel_width = 0 : i64, offset = 192 : i64, elements = 16 : i64}
    plan.kernel @k {scratch_bytes = 64 : i64}
    plan.kernel @pair {scratch_bytes = 64 : i64, runs = [@k], counts = array<i64: 2>}
    plan.program @train_step attributes {arena_bytes = 768 : i64} {
      %p = plan.buffer params {dtype = f32, elements = #c, offset = 32 : i64}
      %g = plan.buffer grads {dtype = f32, elements = #c, offset = 16 : i64}
      %m = plan.buffer moments {dtype = f32, elements = #two, offset = 0 : i64}
      %q = plan.buffer moments {dtype = i8, elements = #c, offset = 192 : i64}
      %s = plan.buffer state {dtype = f32, elements = #c, offset = 64 : i64}
      %i = plan.buffer input "ids" {dtype = i32, elements = #n, offset = 0 : i64}
      %o = plan.buffer output "loss" {dtype = f32, elements = #n, offset = 0 : i64}
      %a = plan.buffer arena {dtype = f32, elements = #n, offset = 0 : i64}
      %b = plan.buffer arena {dtype = f32, elements = #n, offset = 256 : i64}
      %d = plan.buffer arena {dtype = f32, elements = #n, offset = 0 : i64}
      plan.launch @k(%p, %i, %a) {access = array<i32: 0, 0, 1>, ints = [], scalars = [], grid = #one, label = "first"}
      plan.copy %a to %b
      plan.fill %d
      plan.launch @k(%d, %b) {access = array<i32: 2, 0>, ints = [], scalars = [], grid = #one, label = "last"}
      plan.fill %g {unless = "step"}
      plan.launch @k(%d, %g, %m, %q, %s, %o) {access = array<i32: 0, 2, 2, 2, 2, 1>, ints = [], scalars = [], grid = #one, label = "out"}
    }
    plan.program @evaluate attributes {arena_bytes = 512 : i64} {
      %i = plan.buffer input "ids" {dtype = i32, elements = #n, offset = 0 : i64}
      %a = plan.buffer arena {dtype = f32, elements = #n, offset = 0 : i64}
      %b = plan.buffer arena {dtype = f32, elements = #n, offset = 256 : i64}
      plan.launch @k(%i, %a) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #one, label = "left", group = @pair}
      plan.launch @k(%i, %b) {access = array<i32: 0, 1>, ints = [], scalars = [], grid = #one, label = "right"}
    }
  }
})";

/// The first error of verifying kGood with `from` made `to`; empty when it passes.
std::string errorWith(const std::string &from, const std::string &to) {
  std::string text = kGood;
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<plan::PlanDialect>();
  std::string error;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (error.empty())
      error = diagnostic.str();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  EXPECT_TRUE(module) << error;
  if (!module)
    return error;
  bool good = mlir::succeeded(verifyPlan(*module));
  EXPECT_EQ(good, error.empty()) << error;
  return error;
}

void expectError(const std::string &from, const std::string &to, const std::string &wanted) {
  EXPECT_NE(errorWith(from, to).find(wanted), std::string::npos)
      << "wanted: " << wanted << "\ngot: " << errorWith(from, to);
}

TEST(VerifyPlan, AcceptsAGoodPlan) { EXPECT_EQ(errorWith("#one", "#one"), ""); }

TEST(VerifyPlan, SymbolsAndCapacitiesBelongTogether) {
  expectError("array<i64: 64, 0>", "array<i64: 64>",
              "expected plan.symbols and as many plan.capacities, got 2 and 1");
}

TEST(VerifyPlan, ProgramsOfARunAreThere) {
  expectError("@evaluate", "@estimate", "expected a program 'evaluate', got none");
  for (const char *name : {"@train", "@apply", "@train_accumulate"})
    expectError("@train_step", name,
                "'plan.variant' op expected the programs 'train_accumulate' and 'apply', or "
                "'train_step', got not all of one form");
}

TEST(VerifyPlan, AGroupsKernelsAreLaunched) {
  expectError("label = \"left\", group = @pair", "label = \"left\"",
              "'plan.kernel' op expected a launch of @k in its group, got none");
}

TEST(VerifyPlan, ParametersHaveStorage) {
  expectError(
      "plan.storage \"f\" {panel_width = 0 : i64, offset = 32 : i64, elements = 16 : i64}", "",
      "'plan.buffer' op expected a parameter's plan.storage at its offset 32, got none");
}

TEST(VerifyPlan, StorageLiesInsideTheSegmentAndApart) {
  expectError("offset = 32 : i64, elements = 16 : i64}",
              "offset = 40 : i64, elements = 16 : i64}",
              "'plan.storage' op expected a place inside [0, 48), got [40, 56)");
  expectError("offset = 16 : i64, elements = 16 : i64}",
              "offset = 8 : i64, elements = 16 : i64}",
              "expected a place of its own, got [8, 24) beside [0, 16) of 'w'");
}

TEST(VerifyPlan, BuffersLieInsideTheirSegments) {
  expectError("params {dtype = f32, elements = #c, offset = 32",
              "params {dtype = f32, elements = #c, offset = 33",
              "'plan.buffer' op expected a place inside [0, 48), got [33, 49)");
  expectError("grads {dtype = f32, elements = #c, offset = 16",
              "grads {dtype = f32, elements = #c, offset = 17",
              "expected a place inside [0, 32), got [17, 33)");
  expectError("moments {dtype = f32, elements = #two, offset = 0",
              "moments {dtype = f32, elements = #c, offset = 4",
              "expected whole moments, got bytes [4, 68)");
  expectError("moments {dtype = i8, elements = #c, offset = 192",
              "moments {dtype = i8, elements = #n, offset = 192",
              "expected a place inside [0, 208), got [192, 256)");
  expectError("moments {dtype = i8, elements = #c, offset = 192",
              "moments {dtype = f32, elements = #one, offset = 192",
              "expected the elements of moment 1 of 'u' as 'i8', got 'f32'");
  expectError("panel_width = 0 : i64, offset = 192 : i64",
              "panel_width = 0 : i64, offset = 193 : i64",
              "'plan.moment' op expected a place inside [0, 208), got [193, 209)");
  expectError(
      "panel_width = 0 : i64, offset = 64 : i64", "panel_width = 0 : i64, offset = 60 : i64",
      "'plan.moment' op expected a place of its own, got [60, 112) beside [0, 64) of 'w'");
  expectError("state {dtype = f32, elements = #c, offset = 64",
              "state {dtype = f32, elements = #c, offset = 128",
              "expected a place inside [0, 128), got [128, 192)");
  expectError("arena {dtype = f32, elements = #n, offset = 256",
              "arena {dtype = f32, elements = #n, offset = 576",
              "expected a place inside [0, 768), got [576, 832)");
}

/// A gradient that may lie in the arena lives there from its first command to the program's
/// end.
TEST(VerifyPlan, OverlaidGradientsKeepTheirPlace) {
  const char *from = "state_bytes = 128 : i64}";
  auto with = [](const char *at, const char *begin = "0") {
    return std::string("state_bytes = 128 : i64, overlaid_from = ") + begin +
           " : i64, overlaid_at = " + at + " : i64, overlaid_compact_at = 256 : i64}";
  };
  // Element 16 of the gradients, from command 4 on: the arena's [256, 512) died with command 3,
  // [0, 256) is still read by command 5.
  EXPECT_EQ(errorWith(from, with("192")), "");
  EXPECT_EQ(errorWith(from, with("704")), "");
  expectError(from, with("64"), "expected arena bytes of its own while it lives");
  // Before overlaid_from it lies where compact ones do.
  EXPECT_EQ(errorWith(from, with("0", "32")), "");
  expectError("state_bytes = 128 : i64}",
              "state_bytes = 128 : i64, overlaid_from = 32 : i64, overlaid_at = 704 : i64, "
              "overlaid_compact_at = 128 : i64}",
              "expected arena bytes of its own while it lives");
}

TEST(VerifyPlan, ArenaIsAligned) {
  expectError("arena {dtype = f32, elements = #n, offset = 256",
              "arena {dtype = f32, elements = #n, offset = 260",
              "expected an offset that is a multiple of 64, got 260");
}

TEST(VerifyPlan, SizesHaveCapacities) {
  expectError("#n = affine_map<()[s0, s1] -> (s0)>", "#n = affine_map<()[s0, s1] -> (s1)>",
              "expected a size over symbols with a capacity, got the counter \"step\"");
  expectError("#n = affine_map<()[s0, s1] -> (s0)>", "#n = affine_map<()[s0, s1, s2] -> (s0)>",
              "expected a size over 2 symbols, got one over 3");
  expectError("#n = affine_map<()[s0, s1] -> (s0)>", "#n = affine_map<()[s0, s1] -> (-s0)>",
              "expected a size of at least 0 at capacity, got");
}

TEST(VerifyPlan, NothingReadsWhatNobodyWrote) {
  std::string wanted = "expected to read what a command before it wrote, got the arena's";
  expectError("plan.copy %a to %b", "plan.copy %d to %b", wanted);
  expectError("plan.fill %d", "plan.fill %a", wanted); // read and written, never filled
  expectError("array<i32: 0, 0, 1>", "array<i32: 0, 0, 0>", wanted);
  expectError("plan.fill %d", "plan.fill %d {unless = \"step\"}", wanted);
  // A launch that writes a buffer cannot also be its source.
  expectError("@k(%p, %i, %a) {access = array<i32: 0, 0, 1>",
              "@k(%a, %i, %a) {access = array<i32: 1, 0, 0>", wanted);
}

TEST(VerifyPlan, InputsAreNotWritten) {
  expectError("array<i32: 0, 0, 1>", "array<i32: 0, 1, 1>",
              "'plan.launch' op expected to write no input, got 'ids'");
}

TEST(VerifyPlan, OutputsAreWritten) {
  expectError("array<i32: 0, 2, 2, 2, 2, 1>", "array<i32: 0, 2, 2, 2, 2, 0>",
              "'plan.buffer' op expected a command that writes output 'loss', got none");
}

/// Launches of a group are one command, whose members see nothing of each other.
TEST(VerifyPlan, GroupsAreOfIndependentLaunches) {
  auto pair = [](const char *second, const char *access) {
    return std::string(
               "plan.launch @k(%d, %g) {access = array<i32: 0, 1>, ints = [], scalars = [], "
               "grid = #one, label = \"x\", group = @pair}\n"
               "plan.launch @k(") +
           second + ") {access = array<i32: " + access +
           ">, ints = [], scalars = [], grid = #one, label = \"y\"}";
  };
  const char *from = "plan.fill %g {unless = \"step\"}";
  EXPECT_EQ(errorWith(from, pair("%d, %q", "0, 1")), "");
  expectError(
      from, pair("%g, %q", "0, 1"),
      "expected independent launches in group @pair, got one that writes what another one of "
      "'x' uses");
  expectError(from, pair("%d, %q", "2, 1"), "expected independent launches in group @pair");
}

TEST(VerifyPlan, LivesDoNotShareBytes) {
  expectError(
      "arena {dtype = f32, elements = #n, offset = 256",
      "arena {dtype = f32, elements = #n, offset = 192",
      "expected arena bytes of its own while it lives (commands 1 to 3), got [192, 448) "
      "beside [0, 256) (commands 0 to 1)");
  // %a read once more, behind the fill of %d at the same place.
  expectError("@k(%d, %b) {access = array<i32: 2, 0>", "@k(%a, %b) {access = array<i32: 2, 0>",
              "expected arena bytes of its own while it lives");
}

} // namespace
} // namespace ftc
