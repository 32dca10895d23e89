// Programs from text, a ragged batch and central differences, in f64.
#include "test/numeric/Harness.h"

#include "compiler/passes/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

using namespace mlir;

namespace ftc::numeric {

using reference::State;
using reference::Tensor;

static const char *const kPrelude = R"(
!t3 = tensor<?x3xf64, #nn.space<tokens>>
!t4 = tensor<?x4xf64, #nn.space<tokens>>
!t5 = tensor<?x5xf64, #nn.space<tokens>>
!t8 = tensor<?x8xf64, #nn.space<tokens>>
!t2 = tensor<?x2xf64, #nn.space<tokens>>
!t1 = tensor<?xf64, #nn.space<tokens>>
!t1c = tensor<?x1xf64, #nn.space<tokens>>
!s3 = tensor<?x3xf64, #nn.space<sequences>>
!s1 = tensor<?xf64, #nn.space<sequences>>
!g4 = tensor<?x4xf64, #nn.space<target>>
!g2 = tensor<?x2xf64, #nn.space<target>>
!g3 = tensor<?x3xf64, #nn.space<target>>
!g1 = tensor<?xf64, #nn.space<target>>
!ids = tensor<?xi32, #nn.space<tokens>>
!gids = tensor<?xi32, #nn.space<target>>
!sids = tensor<?xi32, #nn.space<sequences>>
!cu = tensor<?xi32, #nn.offsets<sequences, tokens>>
!gcu = tensor<?xi32, #nn.offsets<sequences, target>>
)";

MLIRContext &context() {
  static MLIRContext *instance = [] {
    registerFtcPasses();
    registerCanonicalizerPass();
    registerCSEPass();
    auto *made = new MLIRContext(MLIRContext::Threading::DISABLED);
    made->loadDialect<nn::NnDialect, func::FuncDialect>();
    return made;
  }();
  return *instance;
}

Module parse(const std::string &text) {
  return parseSourceString<ModuleOp>(kPrelude + text, ParserConfig(&context()));
}

std::string readAsF64(const std::string &path) {
  std::ifstream file(std::string(FTC_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  std::string result = text.str();
  for (std::size_t at = 0; (at = result.find("f32", at)) != std::string::npos;)
    result.replace(at, 3, "f64");
  return result;
}

bool runPasses(ModuleOp module, const std::string &pipeline) {
  PassManager manager(module.getContext());
  return succeeded(parsePassPipeline(pipeline, manager)) && succeeded(manager.run(module));
}

func::FuncOp program(ModuleOp module, llvm::StringRef name) { return findProgram(module, name); }

static Tensor vector(std::initializer_list<double> values) {
  return {{std::int64_t(values.size())}, values};
}

static void addBatch(State &state) {
  auto &in = state.inputs;
  in["cu_seqlens"] = vector({0, 2, 7, 8});
  in["sequence_id"] = vector({4, 5, 6});
  in["sequence_offsets"] = vector({0, 1, 2, 3});
  in["first_rows"] = vector({0, 2, 7});
  in["zero_positions"] = vector({0, 0, 0});
  in["last_rows"] = vector({1, 6, 7});
  in["last_positions"] = vector({1, 4, 0});
  in["token_sequence"] = vector({4, 4, 5, 5, 5, 5, 5, 6});
  in["token_position"] = vector({0, 1, 0, 1, 2, 3, 4, 0});
  in["position_ids"] = in["token_position"];
  in["input_ids"] = vector({7, 3, 7, 0, 10, 3, 7, 1});
  // The middle one's answer is rows 3 to 6, the last one's is no label.
  in["start_positions"] = vector({1, 1, -100});
  in["end_positions"] = vector({1, 4, -100});
  in["class_weights"] = vector({0.4, 1.7, 0.9});
  in["labelled_rows"] = vector({1, 3, 6, 7});
  in["labelled_sequence"] = vector({4, 5, 5, 6});
  in["labelled_position"] = vector({1, 1, 4, 0});
  in["labelled_offsets"] = vector({0, 1, 3, 4});
  in["target_cu_seqlens"] = vector({0, 3, 4, 6});
  in["target_ids"] = vector({2, 7, 2, 0, 7, 9});
  in["target_position"] = vector({0, 1, 2, 0, 0, 1});
  in["target_sequence"] = vector({4, 4, 4, 5, 6, 6});
  for (const char *ids : {"input_ids", "position_ids", "target_ids", "target_position"})
    reference::addSort(state, ids);
}

static std::int64_t rowsOf(nn::SpaceAttr space) {
  return llvm::StringSwitch<std::int64_t>(space.getName())
      .Case("tokens", 8)
      .Case("sequences", 3)
      .Case("labelled", 4)
      .Case("target", 6)
      .Default(0);
}

State makeState(func::FuncOp forward) {
  State state;
  addBatch(state);
  std::mt19937 random(7);
  // Labels or values of sequences: rows of three.
  state.inputs["targets"] = {{3, 3}, {1, 0, 1, 0, 0.25, 1, 0, 0, 1}};
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (BlockArgument argument : forward.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    std::vector<std::int64_t> shape(type.getShape().begin(), type.getShape().end());
    if (nn::SpaceAttr space = nn::spaceOf(type))
      shape[0] = rowsOf(space);
    unsigned index = argument.getArgNumber();
    if (argumentText(forward, index, nn::kInput) == "labels") {
      Tensor labels = Tensor::zeros(shape);
      for (std::int64_t r = 0; r < labels.rows(); ++r)
        labels.at(r) = r == 1 ? -100 : double(r % 3);
      state.inputs["labels"] = labels;
    }
    std::string name = argumentText(forward, index, nn::kParameter).str();
    if (name.empty())
      continue;
    Tensor tensor = Tensor::zeros(shape);
    for (double &value : tensor.values)
      value = uniform(random);
    state.parameters[name] = tensor;
    std::fill(tensor.values.begin(), tensor.values.end(),
              std::numeric_limits<double>::quiet_NaN());
    state.gradients[name] = tensor;
  }
  state.scalars = {{"inverse_denominator", 0.25},
                   {"label_smoothing", 0.1},
                   {"dropout.hidden", 0.3},
                   {"dropout.attention", 0.2},
                   {"learning_rate", 0.01},
                   {"adam_beta1", 0.9},
                   {"adam_beta2", 0.99},
                   {"adam_epsilon", 1e-8},
                   {"weight_decay", 0.1},
                   {"bias_correction1", 0.1},
                   {"bias_correction2", 0.01},
                   {"sgd_momentum", 0.9},
                   {"adafactor_beta2", 0.6},
                   {"adafactor_epsilon", 1e-30},
                   {"adafactor_clip_threshold", 1.0},
                   {"max_grad_norm", std::numeric_limits<double>::infinity()}};
  return state;
}

double lossOf(func::FuncOp function, State state) {
  if (failed(reference::run(function, state)))
    return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (double value : state.outputs.at("row_loss").values)
    sum += value;
  return sum * state.scalars.at("inverse_denominator");
}

static std::string joined(const std::string &before, const std::string &after) {
  return (before.empty() ? "" : before + ",") + "ftc-differentiate" +
         (after.empty() ? "" : "," + after);
}

std::map<std::string, Tensor> gradientsOf(const Module &module, const std::string &before,
                                          const std::string &after) {
  Module differentiated(cast<ModuleOp>((*module)->clone()));
  if (!runPasses(*differentiated, joined(before, after))) {
    ADD_FAILURE() << "passes failed";
    return {};
  }
  func::FuncOp function = program(*differentiated, "train_accumulate");
  State state = makeState(program(*module, "train"));
  EXPECT_TRUE(succeeded(reference::run(function, state)));
  // The forward is still the forward.
  double expected = lossOf(program(*module, "train"), state), got = lossOf(function, state);
  EXPECT_NEAR(got, expected, 1e-12 * std::abs(expected));
  std::map<std::string, Tensor> gradients;
  for (BlockArgument argument : function.getArguments())
    if (llvm::StringRef name = argumentText(argument, nn::kGradient); !name.empty())
      gradients[name.str()] = state.gradients.at(name.str());
  return gradients;
}

void checkGradients(const Module &module, const std::string &before, const std::string &after) {
  ASSERT_TRUE(module);
  func::FuncOp train = program(*module, "train");
  std::map<std::string, Tensor> gradients = gradientsOf(module, before, after);
  unsigned trainable = 0;
  for (unsigned index = 0; index < train.getNumArguments(); ++index) {
    if (!train.getArgAttr(index, nn::kTrainable))
      continue;
    ++trainable;
    std::string name = argumentText(train, index, nn::kParameter).str();
    ASSERT_TRUE(gradients.count(name)) << name;
    const Tensor &gradient = gradients.at(name);
    Tensor difference = gradient;
    double scale = 1e-3;
    for (std::size_t e = 0; e < gradient.values.size(); ++e) {
      // Error of the central difference: step^2 f''' / 6 and 1e-16 / step.
      constexpr double step = 1e-5;
      State state = makeState(train);
      double &value = state.parameters.at(name).values[e], at = value;
      value = at + step;
      double above = lossOf(train, state);
      value = at - step;
      difference.values[e] = (above - lossOf(train, state)) / (2 * step);
      scale = std::max(scale, std::abs(difference.values[e]));
    }
    for (std::size_t e = 0; e < gradient.values.size(); ++e)
      EXPECT_NEAR(gradient.values[e], difference.values[e], 1e-6 * scale)
          << name << " element " << e;
  }
  EXPECT_GT(trainable, 0u);
}

void expectClose(const std::map<std::string, Tensor> &a, const std::map<std::string, Tensor> &b,
                 double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto &[name, left] : a) {
    ASSERT_TRUE(b.count(name)) << name;
    const Tensor &right = b.at(name);
    ASSERT_EQ(left.shape, right.shape) << name;
    double scale = 1e-300;
    for (double value : left.values)
      scale = std::max(scale, std::abs(value));
    for (std::size_t e = 0; e < left.values.size(); ++e)
      EXPECT_NEAR(left.values[e], right.values[e], tolerance * scale) << name << " " << e;
  }
}

} // namespace ftc::numeric
