// An elementwise op writes over the operand whose last reader it is, and over no other value.
#include "compiler/targets/cpu/lowering/CpuLowering.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace ftc {
namespace {

/// For each launch of a program, in order, its label, and "=" behind it where what it writes
/// first is a buffer that it also reads. Names of elementwise launches alone.
std::vector<std::string> launchesOf(const std::string &body) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  std::string text = R"(
!x = tensor<?x8xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
func.func @evaluate(%x: !x {nn.input = "x"}, %w: tensor<8x8xf32> {nn.parameter = "w"},
                    %i: !ids {nn.input = "i"})
    -> (!x {nn.output = "a"}, !x {nn.output = "b"}) attributes {nn.program = "evaluate"} {
)" + body + "\n}";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  std::vector<std::string> found;
  EXPECT_TRUE(module);
  if (!module)
    return found;
  PlanSymbols symbols(&context);
  symbols.setCapacity("tokens", 16);
  std::map<std::string, cpu::KernelSpec> kernels;
  EXPECT_TRUE(
      mlir::succeeded(cpu::lowerToCpuPlan(*module, cpu::isaV3(), symbols, 16, kernels)));
  module->walk([&](plan::LaunchOp launch) {
    std::string label = launch.getLabel().str();
    if (label == "linear")
      return;
    auto accesses = launch.getAccess();
    for (auto [written, access] : llvm::zip_equal(launch.getOperands(), accesses))
      if (access == static_cast<int>(plan::Access::Write)) {
        if (llvm::count(launch.getOperands(), written) > 1)
          label += "=";
        break;
      }
    found.push_back(label);
  });
  return found;
}

using Labels = std::vector<std::string>;
const std::string linear = "  %h = nn.linear %x, %w : (!x, tensor<8x8xf32>) -> !x\n";
const std::string rest = "  %z = nn.linear %y, %w : (!x, tensor<8x8xf32>) -> !x\n";

TEST(InPlace, TheLastReaderWritesOverItsOperand) {
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!x) -> !x
)" + rest + "  return %z, %z : !x, !x"),
            Labels{"activation="});
  EXPECT_EQ(launchesOf(linear + R"(
  %g = nn.linear %x, %w : (!x, tensor<8x8xf32>) -> !x
  %y = nn.gated %h, %g {kind = #nn.activation<silu>} : (!x, !x) -> !x
)" + rest + "  return %z, %g : !x, !x"),
            Labels{"gated="});
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.scale %h {factor = 2.0 : f64} : (!x) -> !x
)" + rest + "  return %z, %z : !x, !x"),
            Labels{"scale="});
  EXPECT_EQ(launchesOf(linear + R"(
  %g = nn.linear %x, %w : (!x, tensor<8x8xf32>) -> !x
  %y = nn.activation_grad %g, %h {kind = #nn.activation<gelu>} : (!x, !x) -> !x
)" + rest + "  return %z, %h : !x, !x"),
            Labels{"activation_grad="});
}

TEST(InPlace, WhatIsReadLaterStays) {
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!x) -> !x
)" + rest + R"(
  %a = nn.scale %h {factor = 2.0 : f64} : (!x) -> !x
  %b = nn.add %a, %z : (!x, !x) -> !x
  return %b, %b : !x, !x)"),
            (Labels{"activation", "scale=", "add"}));
  // The derivative's second operand is no place for its result.
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.activation_grad %x, %h {kind = #nn.activation<gelu>} : (!x, !x) -> !x
)" + rest + "  return %z, %z : !x, !x"),
            Labels{"activation_grad"});
}

TEST(InPlace, InputsAndOutputsStay) {
  EXPECT_EQ(launchesOf(R"(
  %y = nn.activation %x {kind = #nn.activation<gelu>} : (!x) -> !x
)" + rest + "  return %z, %z : !x, !x"),
            Labels{"activation"});
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!x) -> !x
)" + rest + "  return %z, %h : !x, !x"),
            Labels{"activation"});
  EXPECT_EQ(launchesOf(linear + R"(
  %y = nn.activation %h {kind = #nn.activation<gelu>} : (!x) -> !x
  return %y, %y : !x, !x)"),
            Labels{"activation"});
}

} // namespace
} // namespace ftc
