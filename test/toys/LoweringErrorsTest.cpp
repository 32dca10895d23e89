// What the CPU lowering refuses, by name, instead of compiling it wrong.
#include "compiler/targets/cpu/lowering/CpuLowering.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace ftc {
namespace {

/// The first error of planning a module.
std::string errorOf(const char *text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::func::FuncDialect, nn::NnDialect, plan::PlanDialect>();
  std::string error;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (error.empty())
      error = diagnostic.str();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  EXPECT_TRUE(module) << error;
  if (!module)
    return error;
  PlanSymbols symbols(&context);
  for (const char *space : {"tokens", "slots"})
    symbols.setCapacity(space, 16);
  std::map<std::string, cpu::KernelSpec> kernels;
  bool good = mlir::succeeded(cpu::lowerToCpuPlan(*module, cpu::isaV3(), symbols, 16, kernels));
  EXPECT_FALSE(good);
  return error;
}

/// A linear weight lies in panels, an embedding's table in rows.
TEST(LoweringErrors, TiedEmbeddingAndHead) {
  std::string error = errorOf(R"(
!x = tensor<?x8xf32, #nn.space<tokens>>
!ids = tensor<?xi32, #nn.space<tokens>>
func.func @evaluate(%ids: !ids {nn.input = "input_ids"},
                    %w: tensor<30x8xf32> {nn.parameter = "shared.weight"})
    -> (tensor<?x30xf32, #nn.space<tokens>> {nn.output = "logits"})
    attributes {nn.program = "evaluate"} {
  %e = "nn.embedding"(%ids, %w) <{operandSegmentSizes = array<i32: 1, 1>}> : (!ids, tensor<30x8xf32>) -> !x
  %z = nn.linear %e, %w : (!x, tensor<30x8xf32>) -> tensor<?x30xf32, #nn.space<tokens>>
  return %z : tensor<?x30xf32, #nn.space<tokens>>
})");
  EXPECT_NE(error.find("expected 'shared.weight' to be an embedding alone"), std::string::npos)
      << error;
}

/// The cache is written where it lies: its old value is gone.
TEST(LoweringErrors, CacheReadAfterAnAppend) {
  std::string error = errorOf(R"(
!lists = tensor<?xi32, #nn.offsets<tokens, entries>>
!e = tensor<?xi32, #nn.space<entries>>
!c = tensor<?x8xf32, #nn.space<slots>>
!ids = tensor<?xi32, #nn.space<tokens>>
!x = tensor<?x8xf32, #nn.space<tokens>>
func.func @decode(%x: !x {nn.input = "x"}, %slots: !ids {nn.input = "slots"},
                  %lists: !lists {nn.input = "lists"}, %entries: !e {nn.input = "entries"},
                  %cache: !c {nn.state = "keys"})
    -> (!x {nn.output = "y"}, !c {nn.updates = 4 : i32}) attributes {nn.program = "decode"} {
  %next = nn.cache_append %cache, %x, %slots : (!c, !x, !ids) -> !c
  %y = nn.cached_attention %x, %cache, %next, %lists, %entries {heads = 1 : i32, kv_heads = 1 : i32, scale = 1.0 : f64, longest = 4 : i32} : (!x, !c, !c, !lists, !e) -> !x
  return %y, %next : !x, !c
})");
  EXPECT_NE(error.find("expected the cache's old value to have no other use"),
            std::string::npos)
      << error;
}

/// An update overwrites the weight; an input gradient behind it would read the new one. A
/// layer's input that the op only reads may have readers behind it.
TEST(LoweringErrors, WeightReadAfterItsUpdate) {
  std::string error = errorOf(R"(
!x = tensor<?x8xf32, #nn.space<tokens>>
!w = tensor<8x8xf32>
func.func @train_step(%x: !x {nn.input = "x"}, %w: !w {nn.parameter = "w", nn.trainable},
                      %m: !w {nn.moment = "w", nn.moment_index = 0 : i32})
    -> (!w {nn.updates = 1 : i32}, !w {nn.updates = 2 : i32}, !x {nn.output = "y"})
    attributes {nn.program = "train_step"} {
  %y = nn.linear %x, %w : (!x, !w) -> !x
  %w1, %m1 = nn.linear_wgrad_update %y, %x, %w, %m {rule = #nn.update_rule<sgd>, decay = true,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>,
      resultSegmentSizes = array<i32: 1, 1, 0, 0>} : (!x, !x, !w, !w) -> (!w, !w)
  %a = nn.add %x, %y : (!x, !x) -> !x
  %dx = nn.linear_dgrad %a, %w {operandSegmentSizes = array<i32: 1, 1, 0, 0>} : (!x, !w) -> !x
  return %w1, %m1, %dx : !w, !w, !x
})");
  EXPECT_NE(error.find("'nn.linear_wgrad_update' op expected every reader of a replaced value "
                       "before the update, got nn.linear_dgrad after it"),
            std::string::npos)
      << error;
}

} // namespace
} // namespace ftc
