// Whole models: gradients by differences, and every optimization leaves them equal.
#include "test/numeric/Harness.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ftc::numeric {
namespace {

/// @train of the smallest encoder, every parameter trainable.
Module encoder(const std::string &method = "full") {
  Module module = mlir::parseSourceString<mlir::ModuleOp>(
      readAsF64("test/lit/Inputs/encoder.mlir"), mlir::ParserConfig(&context()));
  EXPECT_TRUE(module);
  EXPECT_TRUE(runPasses(*module, "ftc-apply-method{method=" + method +
                                     " frozen-dropout=true},ftc-make-programs"));
  return module;
}

/// The encoder with adapters, dropout in front of them, and the head.
Module adaptedEncoder(const std::string &targets, const std::string &dropout = "0.2") {
  Module module = mlir::parseSourceString<mlir::ModuleOp>(
      readAsF64("test/lit/Inputs/encoder.mlir"), mlir::ParserConfig(&context()));
  EXPECT_TRUE(module);
  EXPECT_TRUE(runPasses(*module, "ftc-apply-lora{r=2 alpha=3 dropout=" + dropout +
                                     " target-modules=" + targets +
                                     " modules-to-save=classifier},"
                                     "ftc-apply-method{method=lora},ftc-make-programs"));
  return module;
}

Module encoderDecoder() {
  return mlir::parseSourceString<mlir::ModuleOp>(
      readAsF64("test/numeric/Inputs/encoder_decoder.mlir"), mlir::ParserConfig(&context()));
}

/// The head over labelled rows instead of first rows, as in token classification.
Module labelledEncoder() {
  std::string text = readAsF64("test/lit/Inputs/encoder.mlir");
  auto replace = [&](const std::string &from, const std::string &to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("%first: tensor<?xi32, #nn.space<sequences>> {nn.input = \"first_rows\"}",
          "%first: tensor<?xi32, #nn.space<labelled>> {nn.input = \"labelled_rows\"}");
  replace("%labels: tensor<?xi32, #nn.space<sequences>>",
          "%labels: tensor<?xi32, #nn.space<labelled>>");
  replace("f64, #nn.space<sequences>>", "f64, #nn.space<labelled>>");
  for (const char *op : {"%p = nn.gather_rows", "%loss = nn.cross_entropy"}) {
    std::size_t at = text.find(op), end = text.find('\n', at);
    std::string line = text.substr(at, end - at), from = "i32, #nn.space<sequences>";
    line.replace(line.find(from), from.size(), "i32, #nn.space<labelled>");
    text.replace(at, end - at, line);
  }
  Module module =
      mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()));
  EXPECT_TRUE(module);
  EXPECT_TRUE(runPasses(*module, "ftc-apply-method,ftc-make-programs"));
  return module;
}

const char *const kAll = "canonicalize,cse,ftc-attach-optimizer,ftc-fuse-low-rank,"
                         "ftc-fuse-kernels,"
                         "ftc-choose-saved,canonicalize,ftc-sort-schedule";

TEST(ModelGradient, Encoder) { checkGradients(encoder()); }
TEST(ModelGradient, EncoderPrunedAndOptimized) {
  checkGradients(encoder(), "ftc-prune-demand,canonicalize,cse", kAll);
}
TEST(ModelGradient, EncoderDecoderWithTwoSpaces) { checkGradients(encoderDecoder()); }
TEST(ModelGradient, EncoderDecoderOptimized) {
  checkGradients(encoderDecoder(), "ftc-prune-demand,canonicalize,cse", kAll);
}
TEST(ModelGradient, LabelledRows) {
  checkGradients(labelledEncoder(), "ftc-prune-demand,canonicalize,cse", kAll);
}
TEST(ModelGradient, HeadAlone) { checkGradients(encoder("head"), "ftc-prune-demand", kAll); }
TEST(ModelGradient, LastLayerAndHead) {
  checkGradients(encoder("layers:1"), "ftc-prune-demand", kAll);
}

TEST(ModelGradient, Adapters) { checkGradients(adaptedEncoder("q,v")); }
TEST(ModelGradient, AdaptersOfAllLayersOptimized) {
  checkGradients(adaptedEncoder("all-linear", "0"), "ftc-prune-demand,canonicalize,cse", kAll);
}
TEST(ModelGradient, AdaptersWithDropoutOptimized) {
  checkGradients(adaptedEncoder("all-linear"), "ftc-prune-demand,canonicalize,cse", kAll);
}

/// Frozen weights have no gradient, and nothing below the first adapter is differentiated.
TEST(ModelGradient, AdaptersPruneTheBackward) {
  Module module = adaptedEncoder("down", "0");
  ASSERT_TRUE(runPasses(*module, "ftc-prune-demand,ftc-differentiate"));
  unsigned weights = 0, inputs = 0, embeddings = 0, attentions = 0;
  program(*module, "train_accumulate").walk([&](mlir::Operation *op) {
    weights += mlir::isa<nn::LinearWgradOp>(op);
    inputs += mlir::isa<nn::LinearDgradOp>(op);
    embeddings += mlir::isa<nn::EmbeddingGradOp>(op);
    attentions += mlir::isa<nn::AttentionGradOp>(op);
  });
  EXPECT_EQ(weights, 3u) << "two factors and the classifier";
  EXPECT_EQ(inputs, 2u) << "through the classifier and B; not through A, W or below";
  EXPECT_EQ(embeddings + attentions, 0u);
}

TEST(ModelGradient, LowRankFusionChangesNothing) {
  Module module = adaptedEncoder("all-linear", "0");
  auto plain = gradientsOf(module, "", "");
  expectClose(plain, gradientsOf(module, "", "ftc-fuse-low-rank"), 1e-12);
  expectClose(plain, gradientsOf(module, "", "ftc-fuse-low-rank,ftc-fuse-kernels"), 1e-12);
}

/// Each optimization computes the same numbers, in another order at most.
TEST(ModelGradient, OptimizationsChangeNothing) {
  Module module = encoder();
  auto plain = gradientsOf(module, "", "");
  expectClose(plain, gradientsOf(module, "ftc-prune-demand", ""), 1e-12);
  expectClose(plain, gradientsOf(module, "", "ftc-fuse-kernels"), 1e-12);
  expectClose(plain, gradientsOf(module, "", "ftc-fuse-kernels,ftc-choose-saved"), 1e-12);
  expectClose(plain, gradientsOf(module, "", "ftc-sort-schedule"), 1e-12);
}

/// What is made again has the same bits, whatever is made again of it.
TEST(ModelGradient, RecomputationChangesNoBit) {
  const std::string fused = "ftc-fuse-low-rank,ftc-fuse-kernels,ftc-choose-saved";
  Module modules[] = {encoder(), encoderDecoder(), adaptedEncoder("all-linear")};
  for (Module &module : modules) {
    auto plain = gradientsOf(module, "ftc-prune-demand", fused);
    for (const char *price : {"10", "50", "200", "1e9"})
      for (const char *slope : {"0", "16"})
        expectClose(
            plain,
            gradientsOf(module, "ftc-prune-demand",
                        fused + ",ftc-recompute{price=" + price + " slope=" + slope + "}"),
            0);
  }
}

TEST(ModelGradient, PruningLeavesOnlyWhatIsRead) {
  Module module = encoder();
  ASSERT_TRUE(runPasses(*module, "ftc-prune-demand"));
  for (const char *name : {"evaluate", "train"}) {
    unsigned onTokens = 0;
    program(*module, name).walk([&](mlir::Operation *op) {
      if (op->getNumResults() > 0 && nn::spaceOf(op->getResult(0).getType()) &&
          nn::spaceOf(op->getResult(0).getType()).getName() == "tokens")
        ++onTokens;
    });
    EXPECT_EQ(onTokens, 3u) << "the embedding, keys and values of @" << name;
  }
}

TEST(ModelGradient, EvaluateIsTrainWithoutDropout) {
  Module module = encoder();
  reference::State state = makeState(program(*module, "train"));
  state.scalars["dropout.hidden"] = state.scalars["dropout.attention"] = 0;
  double train = lossOf(program(*module, "train"), state);
  EXPECT_EQ(lossOf(program(*module, "evaluate"), state), train);
  state.scalars["dropout.hidden"] = 0.3;
  EXPECT_EQ(lossOf(program(*module, "evaluate"), state), train);
  EXPECT_NE(lossOf(program(*module, "train"), state), train);
}

class Optimizer : public testing::TestWithParam<const char *> {
protected:
  Optimizer() : module(encoder()) {
    state = makeState(program(*module, "train"));
    EXPECT_TRUE(runPasses(*module, "ftc-prune-demand,ftc-differentiate,ftc-attach-optimizer{"
                                   "optimizer=" +
                                       std::string(GetParam()) +
                                       " fused-update=true min-8bit-size=8},"
                                       "ftc-fuse-kernels"));
    mlir::func::FuncOp apply = program(*module, "apply");
    for (mlir::BlockArgument argument : apply.getArguments())
      if (std::string name = argumentText(argument, nn::kMoment).str(); !name.empty())
        setMoment(name, apply, argument);
  }
  /// A moment as some steps may have left it: codes of 8 bits, or small positive numbers.
  void setMoment(const std::string &name, mlir::func::FuncOp apply,
                 mlir::BlockArgument argument) {
    auto type = mlir::cast<mlir::RankedTensorType>(argument.getType());
    auto k =
        apply.getArgAttrOfType<mlir::IntegerAttr>(argument.getArgNumber(), nn::kMomentIndex);
    auto moment = reference::Tensor::zeros({type.getShape().begin(), type.getShape().end()});
    for (std::size_t e = 0; e < moment.values.size(); ++e)
      moment.values[e] =
          type.getElementType().isInteger(8) ? double(e * 37 % 256) : 0.01 * double(1 + e % 5);
    state.moments[{name, int(k.getInt())}] = moment;
  }
  void run(const char *name, reference::State &into) {
    ASSERT_TRUE(mlir::succeeded(reference::run(program(*module, name), into)));
  }
  Module module;
  reference::State state;
};

TEST_P(Optimizer, AccumulateAndApplyEqualTrainStep) {
  reference::State apart = state, fused = state;
  run("train_accumulate", apart);
  run("apply", apart);
  run("train_step", fused);
  expectClose(apart.parameters, fused.parameters, 1e-13);
  for (const auto &[key, moment] : apart.moments)
    for (std::size_t e = 0; e < moment.values.size(); ++e)
      EXPECT_NEAR(moment.values[e], fused.moments.at(key).values[e], 1e-14);
  EXPECT_NE(apart.parameters.at("layer.0.q.weight").values,
            state.parameters.at("layer.0.q.weight").values);
}

TEST_P(Optimizer, UpdatesInWeightGradientsEqualSeparateOnes) {
  reference::State apart = state, fused = state;
  run("train_step", apart);
  ASSERT_TRUE(runPasses(*module, "ftc-fuse-updates,ftc-sort-schedule"));
  run("train_step", fused);
  expectClose(apart.parameters, fused.parameters, 0);
  for (const auto &[key, moment] : apart.moments)
    EXPECT_EQ(moment.values, fused.moments.at(key).values) << key.first;
  mlir::Block &step = program(*module, "train_step").front();
  auto left = llvm::range_size(step.getOps<nn::LinearWgradOp>());
  auto joined = llvm::range_size(step.getOps<nn::LinearWgradUpdateOp>());
  bool elementwise = llvm::is_contained({"adamw", "sgd", "lion"}, std::string(GetParam()));
  EXPECT_EQ(left == 0, elementwise);
  EXPECT_EQ(joined > 0, elementwise);
}

TEST_P(Optimizer, SecondMicroBatchAddsToTheFirst) {
  reference::State once = state, twice = state;
  run("train_accumulate", once);
  run("train_accumulate", twice);
  twice.scalars["accumulate"] = 1;
  run("train_accumulate", twice);
  for (auto &[name, gradient] : once.gradients)
    for (double &value : gradient.values)
      value *= 2;
  expectClose(once.gradients, twice.gradients, 1e-13);
}

TEST_P(Optimizer, ClippingScalesAllGradients) {
  reference::State clipped = state, scaled = state;
  run("train_accumulate", clipped);
  scaled.gradients = clipped.gradients;
  clipped.scalars["max_grad_norm"] = 0.01;
  run("apply", clipped);
  double norm = clipped.outputs.at("grad_norm").at(0);
  ASSERT_GT(norm, 0.01);
  for (auto &[name, gradient] : scaled.gradients)
    for (double &value : gradient.values)
      value *= 0.01 / (norm + 1e-6);
  run("apply", scaled);
  expectClose(clipped.parameters, scaled.parameters, 1e-13);
}

TEST_P(Optimizer, NonFiniteGradientLeavesTheStateUntouched) {
  reference::State broken = state;
  run("train_accumulate", broken);
  broken.gradients.at("classifier.bias").at(0) = std::nan("");
  run("apply", broken);
  for (const auto &[name, parameter] : broken.parameters)
    EXPECT_EQ(parameter.values, state.parameters.at(name).values) << name;
  for (const auto &[key, moment] : broken.moments)
    EXPECT_EQ(moment.values, state.moments.at(key).values) << key.first;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Optimizer,
                         testing::Values("adamw", "sgd", "lion", "adafactor", "adamw8bit"));

} // namespace
} // namespace ftc::numeric
