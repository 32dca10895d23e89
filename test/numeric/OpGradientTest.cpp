// Each differentiable op against central differences: odd sizes, ragged lengths, f64.
#include "test/numeric/Harness.h"

#include <gtest/gtest.h>

namespace ftc::numeric {
namespace {

/// A @train over tokens: `arguments` and `body` give `logits`, of which the loss is taken.
Module trainOverTokens(const std::string &arguments, const std::string &body,
                       const std::string &logits = "%z", const std::string &type = "!t3") {
  return parse("func.func @train(" + arguments + R"(,
      %labels: !ids {nn.input = "labels"}) -> (!t1 {nn.output = "row_loss"})
      attributes {nn.program = "train"} {
    )" + body + R"(
    %loss = nn.cross_entropy )" +
               logits + ", %labels : (" + type + R"(, !ids) -> !t1
    return %loss : !t1
  })");
}

std::string parameter(const std::string &name, const std::string &type) {
  return "%" + name + ": " + type + " {nn.parameter = \"" + name + "\", nn.trainable}";
}

const std::string kRows = R"(%pos: !ids {nn.input = "token_position"},
    %seq: !ids {nn.input = "token_sequence"}, )";

TEST(OpGradient, CrossEntropy) {
  checkGradients(trainOverTokens(parameter("z", "!t3"), ""));
}

TEST(OpGradient, CrossEntropyWithClassWeights) {
  checkGradients(parse("func.func @train(" + parameter("z", "!t3") + R"(,
      %labels: !ids {nn.input = "labels"}, %w: tensor<3xf64> {nn.input = "class_weights"})
      -> (!t1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
    %loss = nn.cross_entropy %z, %labels, %w : (!t3, !ids, tensor<3xf64>) -> !t1
    return %loss : !t1
  })"));
}

class TargetLossGradient : public testing::TestWithParam<const char *> {};
TEST_P(TargetLossGradient, MatchesDifferences) {
  checkGradients(parse("func.func @train(" + parameter("x", "!t3") + R"(,
      %first: !sids {nn.input = "first_rows"}, %targets: !s3 {nn.input = "targets"})
      -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
    %z = nn.gather_rows %x, %first : (!t3, !sids) -> !s3
    %loss = nn.target_loss %z, %targets {kind = #nn.target_loss<)" +
                       std::string(GetParam()) + R"(>} : (!s3, !s3) -> !s1
    return %loss : !s1
  })"));
}
INSTANTIATE_TEST_SUITE_P(Kinds, TargetLossGradient,
                         testing::Values("binary_cross_entropy", "squared_error"));

TEST(OpGradient, SpanLoss) {
  checkGradients(parse("func.func @train(" + parameter("x", "!t3") + ", " +
                       parameter("w", "tensor<2x3xf64>") + R"(,
      %cu: !cu {nn.input = "cu_seqlens"}, %starts: !sids {nn.input = "start_positions"},
      %ends: !sids {nn.input = "end_positions"})
      -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
    %z = nn.linear %x, %w : (!t3, tensor<2x3xf64>) -> !t2
    %loss = nn.span_loss %z, %cu, %starts, %ends : (!t2, !cu, !sids, !sids) -> !s1
    return %loss : !s1
  })"));
}

/// A @train whose loss is vocabulary_loss over %x and a table that an embedding reads too.
Module trainTiedVocabulary() {
  return parse("func.func @train(%ids: !ids {nn.input = \"input_ids\"}, " +
               parameter("table", "tensor<11x3xf64>") + ", " +
               parameter("w", "tensor<3x3xf64>") +
               R"(, %labels: !ids {nn.input = "labels"}) -> (!t1 {nn.output = "row_loss"})
      attributes {nn.program = "train"} {
    %e = "nn.embedding"(%ids, %table) <{operandSegmentSizes = array<i32: 1, 1>}>
        : (!ids, tensor<11x3xf64>) -> !t3
    %h = nn.linear %e, %w : (!t3, tensor<3x3xf64>) -> !t3
    %x = nn.activation %h {kind = #nn.activation<tanh>} : (!t3) -> !t3
    %loss = nn.vocabulary_loss %x, %table, %labels : (!t3, tensor<11x3xf64>, !ids) -> !t1
    return %loss : !t1
  })");
}

TEST(OpGradient, VocabularyLossOfATiedTable) {
  Module module = trainTiedVocabulary();
  checkGradients(module);
  checkGradients(module, "", "ftc-fuse-kernels");
  ASSERT_TRUE(runPasses(*module, "ftc-differentiate,ftc-fuse-kernels"));
  mlir::func::FuncOp function = program(*module, "train_accumulate");
  EXPECT_TRUE(function.front().getOps<nn::VocabularyLossOp>().empty());
  EXPECT_EQ(llvm::range_size(function.front().getOps<nn::VocabularyLossGradOp>()), 1);
}

TEST(OpGradient, VocabularyLossOfAFrozenTable) {
  Module module = parse("func.func @train(" + parameter("x", "!t3") +
                        R"(, %table: tensor<7x3xf64> {nn.parameter = "table"},
      %labels: !ids {nn.input = "labels"}) -> (!t1 {nn.output = "row_loss"})
      attributes {nn.program = "train"} {
    %loss = nn.vocabulary_loss %x, %table, %labels : (!t3, tensor<7x3xf64>, !ids) -> !t1
    return %loss : !t1
  })");
  checkGradients(module);
  ASSERT_TRUE(runPasses(*module, "ftc-differentiate"));
  for (auto grad :
       program(*module, "train_accumulate").front().getOps<nn::VocabularyLossGradOp>())
    EXPECT_FALSE(grad.getDweight());
}

TEST(OpGradient, VocabularyLossWithAConstantBias) {
  Module module = parse("func.func @train(" + parameter("x", "!t3") + ", " +
                        parameter("table", "tensor<7x3xf64>") +
                        R"(, %bias: tensor<1x7xf64> {nn.parameter = "bias", nn.constant},
      %labels: !ids {nn.input = "labels"}) -> (!t1 {nn.output = "row_loss"})
      attributes {nn.program = "train"} {
    %loss = nn.vocabulary_loss %x, %table, %labels, %bias
        : (!t3, tensor<7x3xf64>, !ids, tensor<1x7xf64>) -> !t1
    return %loss : !t1
  })");
  checkGradients(module);
  checkGradients(module, "", "ftc-fuse-kernels");
}

TEST(OpGradient, Linear) {
  checkGradients(trainOverTokens(
      parameter("x", "!t5") + ", " + parameter("w", "tensor<3x5xf64>") + ", " +
          parameter("b", "tensor<3xf64>"),
      "%z = nn.linear %x, %w, %b : (!t5, tensor<3x5xf64>, tensor<3xf64>) -> !t3"));
}

TEST(OpGradient, LinearWithoutBiasAndWithFusedActivation) {
  checkGradients(trainOverTokens(
      parameter("x", "!t5") + ", " + parameter("w", "tensor<3x5xf64>"), R"(
    %z, %pre = nn.linear %x, %w {activation = #nn.activation<silu>}
        : (!t5, tensor<3x5xf64>) -> (!t3, !t3))"));
}

class ActivationGradient : public testing::TestWithParam<const char *> {};
TEST_P(ActivationGradient, MatchesDifferences) {
  checkGradients(trainOverTokens(parameter("x", "!t3"),
                                 "%z = nn.activation %x {kind = #nn.activation<" +
                                     std::string(GetParam()) + ">} : (!t3) -> !t3"));
}
INSTANTIATE_TEST_SUITE_P(Kinds, ActivationGradient,
                         testing::Values("gelu", "gelu_tanh", "relu", "tanh", "silu"));

TEST(OpGradient, AddOfOneValueToItselfAndOthers) {
  checkGradients(trainOverTokens(parameter("a", "!t3") + ", " + parameter("b", "!t3"), R"(
    %twice = nn.add %a, %a : (!t3, !t3) -> !t3
    %z = nn.add %twice, %b : (!t3, !t3) -> !t3)"));
}

TEST(OpGradient, Scale) {
  checkGradients(trainOverTokens(parameter("x", "!t3"),
                                 "%z = nn.scale %x {factor = 1.7 : f64} : (!t3) -> !t3"));
}

TEST(OpGradient, Dropout) {
  checkGradients(trainOverTokens(kRows + parameter("x", "!t3"), R"(
    %z = nn.dropout %x, %seq, %pos {rate = "dropout.hidden", op_id = 3 : i32, module = "m"}
        : (!t3, !ids, !ids) -> !t3)"));
}

TEST(OpGradient, LayerNorm) {
  checkGradients(trainOverTokens(parameter("x", "!t3") + ", " +
                                     parameter("gamma", "tensor<3xf64>") + ", " +
                                     parameter("beta", "tensor<3xf64>"),
                                 R"(
    %z, %mean, %rstd = nn.layer_norm %x, %gamma, %beta {eps = 1.0e-5 : f64}
        : (!t3, tensor<3xf64>, tensor<3xf64>) -> (!t3, !t1, !t1))"));
}

TEST(OpGradient, LayerNormWithoutBias) {
  checkGradients(
      trainOverTokens(parameter("x", "!t3") + ", " + parameter("gamma", "tensor<3xf64>"), R"(
    %z, %mean, %rstd = nn.layer_norm %x, %gamma {eps = 1.0e-5 : f64}
        : (!t3, tensor<3xf64>) -> (!t3, !t1, !t1))"));
}

TEST(OpGradient, RmsNorm) {
  checkGradients(
      trainOverTokens(parameter("x", "!t3") + ", " + parameter("gamma", "tensor<3xf64>"), R"(
    %z, %rstd = nn.rms_norm %x, %gamma {eps = 1.0e-5 : f64}
        : (!t3, tensor<3xf64>) -> (!t3, !t1))"));
}

class GatedGradient : public testing::TestWithParam<const char *> {};
TEST_P(GatedGradient, MatchesDifferences) {
  checkGradients(trainOverTokens(parameter("gate", "!t3") + ", " + parameter("up", "!t3"),
                                 "%z = nn.gated %gate, %up {kind = #nn.activation<" +
                                     std::string(GetParam()) + ">} : (!t3, !t3) -> !t3"));
}
INSTANTIATE_TEST_SUITE_P(Kinds, GatedGradient, testing::Values("none", "gelu", "silu"));

TEST(OpGradient, GatedByItself) {
  checkGradients(trainOverTokens(parameter("x", "!t3"), R"(
    %z = nn.gated %x, %x {kind = #nn.activation<silu>} : (!t3, !t3) -> !t3)"));
}

TEST(OpGradient, SplitAndConcatColumns) {
  checkGradients(trainOverTokens(parameter("x", "!t8"), R"(
    %a, %b, %c = nn.split_columns %x : (!t8) -> (!t3, !t4, !t1c)
    %d = nn.activation %a {kind = #nn.activation<tanh>} : (!t3) -> !t3
    %y = nn.concat_columns %c, %d, %b : (!t1c, !t3, !t4) -> !t8
    %p, %z, %q = nn.split_columns %y : (!t8) -> (!t1c, !t3, !t4)
    %e = nn.concat_columns %z, %p, %q : (!t3, !t1c, !t4) -> !t8)",
                                 "%e", "!t8"));
}

TEST(OpGradient, Rotary) {
  for (const char *direction : {"", ", inverse"})
    checkGradients(trainOverTokens(
        kRows + parameter("x", "!t8") + ", " + parameter("w", "tensor<3x8xf64>"),
        R"(%y = nn.rotary %x, %pos {heads = 2 : i32, frequencies = array<f32: 1.0, 0.375>,
        scale = 0.75 : f64)" +
            std::string(direction) + R"(} : (!t8, !ids) -> !t8
    %z = nn.linear %y, %w : (!t8, tensor<3x8xf64>) -> !t3)"));
}

TEST(OpGradient, GatherRowsOfRepeatedUse) {
  checkGradients(parse("func.func @train(" + parameter("x", "!t3") + R"(,
      %first: !sids {nn.input = "first_rows"}, %labels: !sids {nn.input = "labels"})
      -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
    %a = nn.gather_rows %x, %first : (!t3, !sids) -> !s3
    %b = nn.activation %a {kind = #nn.activation<tanh>} : (!s3) -> !s3
    %z = nn.add %a, %b : (!s3, !s3) -> !s3
    %loss = nn.cross_entropy %z, %labels : (!s3, !sids) -> !s1
    return %loss : !s1
  })"));
}

TEST(OpGradient, MeanRows) {
  checkGradients(parse("func.func @train(" + parameter("x", "!t3") + R"(,
      %cu: !cu {nn.input = "cu_seqlens"}, %labels: !sids {nn.input = "labels"})
      -> (!s1 {nn.output = "row_loss"}) attributes {nn.program = "train"} {
    %z = nn.mean_rows %x, %cu : (!t3, !cu) -> !s3
    %loss = nn.cross_entropy %z, %labels : (!s3, !sids) -> !s1
    return %loss : !s1
  })"));
}

TEST(OpGradient, EmbeddingOfTwoTablesWithRepeatedIds) {
  checkGradients(trainOverTokens(R"(%ids: !ids {nn.input = "input_ids"},
      %pids: !ids {nn.input = "position_ids"}, )" + parameter("words", "tensor<11x3xf64>") +
                                     ", " + parameter("places", "tensor<6x3xf64>"),
                                 R"(
    %z = "nn.embedding"(%ids, %pids, %words, %places)
        <{operandSegmentSizes = array<i32: 2, 2>}>
        : (!ids, !ids, tensor<11x3xf64>, tensor<6x3xf64>) -> !t3)"));
}

/// torch.nn.Embedding's padding_idx: the row is read, and no id gives it a gradient.
TEST(OpGradient, EmbeddingLeavesThePaddingRowAlone) {
  auto gradients = [](const std::string &padding) {
    return gradientsOf(trainOverTokens(R"(%ids: !ids {nn.input = "input_ids"},
      %pids: !ids {nn.input = "position_ids"}, )" +
                                           parameter("words", "tensor<11x3xf64>") + ", " +
                                           parameter("places", "tensor<8x3xf64>"),
                                       R"(
    %z = "nn.embedding"(%ids, %pids, %words, %places)
        <{operandSegmentSizes = array<i32: 2, 2>)" +
                                           padding + R"(}>
        : (!ids, !ids, tensor<11x3xf64>, tensor<8x3xf64>) -> !t3)"),
                       "", "");
  };
  auto all = gradients(""), padded = gradients(", padding = 7 : i32");
  double row = 0;
  for (int column = 0; column < 3; ++column) {
    row += std::abs(all.at("words").at(7, column));
    EXPECT_EQ(padded.at("words").at(7, column), 0);
    all.at("words").at(7, column) = 0;
  }
  EXPECT_GT(row, 0);
  expectClose(all, padded, 0);
}

TEST(OpGradient, TiedTableGetsTheSumOfItsGradients) {
  checkGradients(trainOverTokens(R"(%ids: !ids {nn.input = "input_ids"}, )" +
                                     parameter("words", "tensor<3x3xf64>") + ", " +
                                     parameter("table", "tensor<11x3xf64>"),
                                 R"(
    %e = "nn.embedding"(%ids, %table) <{operandSegmentSizes = array<i32: 1, 1>}>
        : (!ids, tensor<11x3xf64>) -> !t3
    %h = nn.linear %e, %words : (!t3, tensor<3x3xf64>) -> !t3
    %z = nn.linear %h, %words : (!t3, tensor<3x3xf64>) -> !t3)"));
}

struct AttentionCase {
  const char *name;
  int heads, kvHeads;
  const char *keys;
  bool causal, drops;
  int window = 0;
};
class AttentionGradient : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionGradient, MatchesDifferences) {
  const AttentionCase &c = GetParam();
  std::string attributes =
      "{heads = " + std::to_string(c.heads) +
      " : i32, kv_heads = " + std::to_string(c.kvHeads) +
      " : i32, scale = 0.6 : f64, causal = " + (c.causal ? "true" : "false") +
      (c.window ? ", window = " + std::to_string(c.window) + " : i32" : "") +
      (c.drops ? ", rate = \"dropout.attention\"" : "") + ", op_id = 5 : i32, module = \"m\"}";
  std::string lse = "tensor<?x" + std::to_string(c.heads) + "xf64, #nn.space<tokens>>";
  std::string keys = c.keys;
  checkGradients(trainOverTokens(
      kRows + R"(%cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"}, )" +
          parameter("q", "!t8") + ", " + parameter("k", keys) + ", " + parameter("v", keys) +
          ", " + parameter("w", "tensor<3x8xf64>"),
      "%a, %lse = nn.attention %q, %k, %v, %cu, %cu, %pos, %sid " + attributes + " : (!t8, " +
          keys + ", " + keys + ", !cu, !cu, !ids, !sids) -> (!t8, " + lse + R"()
    %z = nn.linear %a, %w : (!t8, tensor<3x8xf64>) -> !t3)"));
}
INSTANTIATE_TEST_SUITE_P(Forms, AttentionGradient,
                         testing::Values(AttentionCase{"Plain", 2, 2, "!t8", false, false},
                                         AttentionCase{"Causal", 2, 2, "!t8", true, false},
                                         AttentionCase{"Dropout", 4, 4, "!t8", false, true},
                                         AttentionCase{"Grouped", 4, 2, "!t4", true, true},
                                         AttentionCase{"Sliding", 2, 2, "!t8", true, false, 2},
                                         AttentionCase{"Local", 2, 1, "!t4", false, true, 2}),
                         [](const auto &info) { return info.param.name; });

class RelativeAttentionGradient : public testing::TestWithParam<AttentionCase> {};

/// The table of relative positions, shared by two layers: both gradients of it add up.
TEST_P(RelativeAttentionGradient, MatchesDifferences) {
  const AttentionCase &c = GetParam();
  std::string attributes = "{heads = 2 : i32, kv_heads = " + std::to_string(c.kvHeads) +
                           " : i32, scale = 0.6 : f64, max_distance = 4 : i32, causal = " +
                           (c.causal ? "true" : "false") +
                           (c.window ? ", window = " + std::to_string(c.window) + " : i32" : "") +
                           (c.drops ? ", rate = \"dropout.attention\"" : "") +
                           ", op_id = 5 : i32, module = \"m\"}";
  std::string lse = "tensor<?x2xf64, #nn.space<tokens>>", keys = c.keys;
  std::string types = " : (!t8, " + keys + ", " + keys +
                      ", !cu, !cu, !ids, !sids, tensor<6x2xf64>) -> (!t8, " + lse + ")\n";
  checkGradients(trainOverTokens(
      kRows + R"(%cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"}, )" +
          parameter("q", "!t8") + ", " + parameter("k", keys) + ", " + parameter("v", keys) +
          ", " + parameter("bias", "tensor<6x2xf64>") + ", " +
          parameter("w", "tensor<3x8xf64>"),
      "%a, %lse = nn.attention %q, %k, %v, %cu, %cu, %pos, %sid, %bias " + attributes + types +
          "%b, %lse2 = nn.attention %a, %k, %v, %cu, %cu, %pos, %sid, %bias " + attributes +
          types + "%z = nn.linear %b, %w : (!t8, tensor<3x8xf64>) -> !t3"));
}
INSTANTIATE_TEST_SUITE_P(Forms, RelativeAttentionGradient,
                         testing::Values(AttentionCase{"Both", 2, 2, "!t8", false, false},
                                         AttentionCase{"Causal", 2, 2, "!t8", true, false},
                                         AttentionCase{"Dropout", 2, 2, "!t8", false, true},
                                         AttentionCase{"Grouped", 2, 1, "!t4", true, true, 2}),
                         [](const auto &info) { return info.param.name; });

/// Disentangled attention: tables that are projections of one table of relative positions, by
/// the content's weights (as DeBERTa-v3) with dropout of the table, or parameters themselves.
struct PositionCase {
  const char *name;
  bool keys, queries;
  int maxDistance; ///< 0: a row for every distance
  bool drops = false;
};
class PositionGradient : public testing::TestWithParam<PositionCase> {};

TEST_P(PositionGradient, MatchesDifferences) {
  const PositionCase &c = GetParam();
  std::string attributes =
      "{heads = 2 : i32, kv_heads = 2 : i32, scale = 0.6 : f64, causal = false" +
      (c.maxDistance ? ", max_distance = " + std::to_string(c.maxDistance) + " : i32" : "") +
      std::string(c.keys ? ", position_keys" : "") + (c.queries ? ", position_queries" : "") +
      (c.drops ? ", rate = \"dropout.attention\"" : "") + ", op_id = 5 : i32, module = \"m\"}";
  const std::string table = "tensor<8x8xf64>";
  std::string tables = std::string(c.keys ? ", %pk" : "") + (c.queries ? ", %pq" : "");
  std::string types = " : (!t8, !t8, !t8, !cu, !cu, !ids, !sids" +
                      std::string(c.keys ? ", " + table : "") + (c.queries ? ", " + table : "") +
                      ") -> (!t8, !t2)\n";
  checkGradients(trainOverTokens(
      kRows + R"(%cu: !cu {nn.input = "cu_seqlens"}, %sid: !sids {nn.input = "sequence_id"}, )" +
          parameter("x", "!t8") + ", " + parameter("wq", table) + ", " + parameter("wk", table) +
          ", " + parameter("rel", table) + ", " + parameter("w", "tensor<3x8xf64>"),
      R"(%zeros = nn.iota {step = 0 : i32} : () -> tensor<8xi32>
    %count = nn.iota {step = 1 : i32} : () -> tensor<8xi32>
    %dropped = nn.dropout %rel, %zeros, %count {rate = "dropout.hidden", op_id = 9 : i32, module = "m"}
        : (tensor<8x8xf64>, tensor<8xi32>, tensor<8xi32>) -> tensor<8x8xf64>
    %q = nn.linear %x, %wq : (!t8, tensor<8x8xf64>) -> !t8
    %k = nn.linear %x, %wk : (!t8, tensor<8x8xf64>) -> !t8
    %pq = nn.linear %dropped, %wq : (tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
    %pk = nn.linear %dropped, %wk : (tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
    )" "%a, %lse = nn.attention %q, %k, %x, %cu, %cu, %pos, %sid" +
          tables + " " + attributes + types +
          "%b, %lse2 = nn.attention %a, %k, %x, %cu, %cu, %pos, %sid" + tables + " " +
          attributes + types + "%z = nn.linear %b, %w : (!t8, tensor<3x8xf64>) -> !t3"));
}
INSTANTIATE_TEST_SUITE_P(Forms, PositionGradient,
                         testing::Values(PositionCase{"Both", true, true, 6},
                                         PositionCase{"Keys", true, false, 0},
                                         PositionCase{"Queries", false, true, 5},
                                         PositionCase{"Dropout", true, true, 0, true}),
                         [](const auto &info) { return info.param.name; });

class UnfoldGradient : public testing::TestWithParam<int> {};
TEST_P(UnfoldGradient, MatchesDifferences) {
  std::string size = std::to_string(GetParam()), width = std::to_string(5 * GetParam());
  std::string wide = "tensor<?x" + width + "xf64, #nn.space<tokens>>";
  std::string weight = "tensor<3x" + width + "xf64>";
  checkGradients(trainOverTokens(
      R"(%cu: !cu {nn.input = "cu_seqlens"}, )" + parameter("x", "!t5") + ", " +
          parameter("w", weight),
      "%y = nn.unfold %x, %cu {size = " + size + " : i32} : (!t5, !cu) -> " + wide +
          "\n%z = nn.linear %y, %w : (" + wide + ", " + weight + ") -> !t3"));
}
INSTANTIATE_TEST_SUITE_P(Sizes, UnfoldGradient, testing::Values(1, 3, 7));

TEST(OpGradient, FusedActivationGradientWithAddend) {
  Module module = trainOverTokens(
      parameter("x", "!t3") + ", " + parameter("w", "tensor<3x3xf64>") + ", " +
          parameter("v", "tensor<3x3xf64>"),
      R"(%u = nn.linear %x, %w : (!t3, tensor<3x3xf64>) -> !t3
    %a = nn.activation %u {kind = #nn.activation<gelu>} : (!t3) -> !t3
    %h = nn.linear %a, %v : (!t3, tensor<3x3xf64>) -> !t3
    %z = nn.add %h, %u : (!t3, !t3) -> !t3)");
  checkGradients(module, "", "ftc-fuse-kernels");
  ASSERT_TRUE(runPasses(*module, "ftc-differentiate,ftc-fuse-kernels"));
  auto dgrads = program(*module, "train_accumulate").front().getOps<nn::LinearDgradOp>();
  EXPECT_TRUE(llvm::any_of(dgrads, [](nn::LinearDgradOp op) {
    return op.getPre() && op.getAddend();
  }));
}

TEST(OpGradient, NothingIsMadeForFrozenParameters) {
  Module module = trainOverTokens(
      "%x: !t3 {nn.parameter = \"x\"}, %w: tensor<3x3xf64> {nn.parameter = \"w\"}, " +
          parameter("v", "tensor<3x3xf64>"),
      R"(%h = nn.linear %x, %w : (!t3, tensor<3x3xf64>) -> !t3
    %z = nn.linear %h, %v : (!t3, tensor<3x3xf64>) -> !t3)");
  checkGradients(module);
  ASSERT_TRUE(runPasses(*module, "ftc-differentiate"));
  mlir::func::FuncOp function = program(*module, "train_accumulate");
  EXPECT_TRUE(function.front().getOps<nn::LinearDgradOp>().empty());
  EXPECT_EQ(llvm::range_size(function.front().getOps<nn::LinearWgradOp>()), 1);
}

} // namespace
} // namespace ftc::numeric
