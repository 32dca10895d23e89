// Recorded f64 runs of PyTorch, followed by the reference interpreter on the optimized programs:
// frontends, passes, batches and the mathematics of a step agree, with no kernel involved.
#include "test/numeric/Harness.h"

#include "frontends/Architecture.h"
#include "runtime/data/DataTable.h"
#include "runtime/io/SafeTensors.h"
#include "runtime/tasks/Batch.h"
#include "runtime/tasks/Task.h"
#include "runtime/tokenizers/Tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

namespace ftc::numeric {
namespace {

const std::string kRecordings = std::string(FTC_SOURCE_DIR) + "/test/oracle/recordings/";

struct OracleCase {
  const char *name, *family, *task, *data;
  int accumulation, steps;
};

reference::Tensor transposed(const reference::Tensor &a) {
  reference::Tensor b = reference::Tensor::zeros({a.width(), a.rows()});
  for (std::int64_t row = 0; row < a.rows(); ++row)
    for (std::int64_t column = 0; column < a.width(); ++column)
      b.at(column, row) = a.at(row, column);
  return b;
}

nlohmann::json readJson(const std::string &path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
}

/// One recorded run: the model's programs and its examples in the file's order.
class OracleRun {
public:
  explicit OracleRun(const OracleCase &c) : c(c) {
    folder = kRecordings + c.family + "-" + c.task + "/";
    recording = readJson(folder + "run-" + std::to_string(c.accumulation) + ".json");
    config = readJson(folder + "model/config.json");
  }

  /// Reads data and model; an empty text, or what failed.
  std::string open() {
    auto found = rt::findTask(c.task);
    if (!found)
      return found.status().message();
    task = *found;
    std::string failed = readExamples();
    return failed.empty() ? readModel() : failed;
  }

  void follow() {
    const auto &log = recording["fp64"];
    rt::BatchLayout layout{task->labelPlacement(), std::int32_t(model.positionOffset),
                           std::int32_t(model.padToken)};
    auto batch = rt::Batch::make({1024, 64, 1024, 1024}, layout);
    state.scalars["label_smoothing"] = recording["flags"].value("label_smoothing_factor", 0.0);
    ASSERT_TRUE(batch.isOk());
    std::size_t next = 0;
    for (int step = 0; step < c.steps; ++step) {
      setSchedule(step, log["learning_rate"][step].get<double>());
      double loss = accumulate(*batch, next);
      // Two orders of summation apart: f64 keeps about 12 digits over these steps.
      double expected = log["loss"][step].get<double>();
      ASSERT_NEAR(loss, expected, 1e-10 * expected) << "step " << step;
      ASSERT_TRUE(mlir::succeeded(reference::run(program(*model.module, "apply"), state)));
      double norm = log["grad_norm"][step].get<double>();
      ASSERT_NEAR(state.outputs.at("grad_norm").at(0), norm, 1e-9 * norm) << "step " << step;
    }
  }

private:
  std::string readExamples() {
    auto files = rt::readTokenizerFiles(folder + "model");
    if (!files)
      return files.status().message();
    rt::TokenizerOptions options;
    options.modelType = c.family;
    options.addPrefixSpace = task->needsPrefixSpace();
    const auto &flags = recording["flags"];
    options.sourceLanguage = flags.value("source_lang", "");
    options.targetLanguage = flags.value("target_lang", "");
    auto tokenizer = rt::makeTokenizer(*files, options);
    auto table = rt::readDataFile(kRecordings + "data/" + c.data);
    if (!tokenizer || !table)
      return "tokenizer or data cannot be read";
    std::vector<std::string> own;
    for (std::size_t id = 0; id < config["id2label"].size(); ++id)
      own.push_back(config["id2label"][std::to_string(id)].get<std::string>());
    auto columns = task->findColumns(*table, {}, true);
    if (!columns)
      return columns.status().message();
    auto found = task->collectLabels(*table, *columns, own);
    if (!found)
      return found.status().message();
    labels = task->outputWidth(*found);
    rt::EncodeSettings settings;
    settings.maxSeqLength = flags.value("max_source_length", 48);
    std::unique_ptr<rt::Tokenizer> targetTokenizer;
    if (rt::hasTargetTokenizer(*files, c.family)) {
      options.target = true;
      auto made = rt::makeTokenizer(*files, options);
      if (!made)
        return made.status().message();
      targetTokenizer = made.take();
    }
    settings.target = {targetTokenizer.get(), flags.value("max_target_length", 0),
                       options.modelType == "mbart" ? -1
                                                    : config.value("decoder_start_token_id", -1),
                       flags.value("source_prefix", "")};
    settings.questions.docStride = recording["flags"].value("doc_stride", 0);
    settings.questions.version2WithNegative =
        recording["flags"].contains("version_2_with_negative");
    auto encoded = rt::encodeTable(*task, *table, *columns, *found, **tokenizer, settings);
    if (!encoded)
      return encoded.status().message();
    examples = std::move(encoded->examples);
    return "";
  }

  std::string readModel() {
    auto checkpoint = rt::Checkpoint::open(folder + "model");
    if (!checkpoint)
      return checkpoint.status().message();
    ModelSource source{folder + "model", config, {}};
    for (const rt::TensorInfo &tensor : checkpoint->tensors())
      source.tensors[tensor.name].assign(tensor.shape.begin(), tensor.shape.end());
    auto imported = importModel(&context(), source, {c.task, labels, 0});
    if (!imported)
      return imported.status().message();
    model = imported.take();
    readParameters(*checkpoint);
    return runPasses(
               *model.module,
               "ftc-verify-phase{phase=import},ftc-apply-method,ftc-make-programs,"
               "ftc-prune-demand,canonicalize,cse,ftc-verify-phase{phase=programs},"
               "ftc-differentiate,canonicalize,cse,ftc-verify-phase{phase=differentiated},"
               "ftc-attach-optimizer,ftc-fuse-kernels,ftc-choose-saved,"
               "canonicalize,ftc-verify-phase{phase=fused},ftc-sort-schedule")
               ? ""
               : "the passes failed";
  }

  void readParameters(rt::Checkpoint &checkpoint) {
    auto forward = model.module->lookupSymbol<mlir::func::FuncOp>("forward");
    for (unsigned index = 0; index < forward.getNumArguments(); ++index) {
      std::string name = argumentText(forward, index, nn::kParameter).str();
      if (name.empty())
        continue;
      const rt::TensorInfo *info =
          checkpoint.find(argumentText(forward, index, nn::kTensor).str());
      ASSERT_TRUE(info) << name;
      std::vector<float> values(info->elements);
      ASSERT_TRUE(checkpoint.readAsF32(*info, values.data()).isOk()) << name;
      reference::Tensor tensor;
      tensor.shape.assign(info->shape.begin(), info->shape.end());
      tensor.values.assign(values.begin(), values.end());
      if (forward.getArgAttr(index, nn::kShape)) { // a convolution's, a matrix here
        auto type = mlir::cast<mlir::RankedTensorType>(forward.getArgument(index).getType());
        tensor.shape.assign(type.getShape().begin(), type.getShape().end());
      }
      if (forward.getArgAttr(index, nn::kTransposed))
        tensor = transposed(tensor);
      state.parameters[name] = tensor;
      tensor.values.assign(values.size(), 0.0);
      state.gradients[name] = tensor;
    }
  }

  void setSchedule(int step, double learningRate) {
    const auto &flags = recording["flags"];
    auto flag = [&](const char *name) { return flags[name].get<double>(); };
    double b1 = flag("adam_beta1"), b2 = flag("adam_beta2");
    state.scalars["learning_rate"] = learningRate;
    state.scalars["adam_beta1"] = b1;
    state.scalars["adam_beta2"] = b2;
    state.scalars["adam_epsilon"] = flag("adam_epsilon");
    state.scalars["weight_decay"] = flag("weight_decay");
    state.scalars["max_grad_norm"] = flag("max_grad_norm");
    state.scalars["bias_correction1"] = 1 - std::pow(b1, step + 1);
    state.scalars["bias_correction2"] = 1 - std::pow(b2, step + 1);
  }

  /// Runs one step's micro-batches of 4 examples; gives the loss over all their labels.
  double accumulate(rt::Batch &batch, std::size_t &next) {
    std::vector<const rt::Example *> chosen;
    for (int i = 0; i < 4 * c.accumulation && next < examples.size(); ++i)
      chosen.push_back(&examples[next++]);
    double inverse = 1.0 / double(rt::countLabels(chosen)), loss = 0;
    state.scalars["inverse_denominator"] = inverse;
    state.inputs["class_weights"] = {{labels}, std::vector<double>(labels, 1.0)};
    for (std::size_t at = 0; at < chosen.size(); at += 4) {
      std::span<const rt::Example *const> part(chosen.data() + at,
                                               std::min<std::size_t>(4, chosen.size() - at));
      EXPECT_TRUE(batch.pack(part, std::int64_t(at)).isOk());
      for (const std::string &name : batch.arrayNames())
        if (auto array = batch.array(name))
          state.inputs[name] = {{std::int64_t(array->size())}, {array->begin(), array->end()}};
      state.scalars["accumulate"] = at == 0 ? 0 : 1;
      EXPECT_TRUE(mlir::succeeded(
          reference::run(program(*model.module, "train_accumulate"), state)));
      for (double value : state.outputs.at("row_loss").values)
        loss += value * inverse;
    }
    return loss;
  }

  OracleCase c;
  std::string folder;
  nlohmann::json recording, config;
  const rt::Task *task = nullptr;
  std::int64_t labels = 0;
  std::vector<rt::Example> examples;
  ImportedModel model;
  reference::State state;
};

class Oracle : public testing::TestWithParam<OracleCase> {};

TEST_P(Oracle, LossAndGradientNormOfEachStep) {
  OracleRun run(GetParam());
  std::string failed = run.open();
  ASSERT_EQ(failed, "");
  run.follow();
}

INSTANTIATE_TEST_SUITE_P(
    PyTorch, Oracle,
    testing::Values(
        OracleCase{"BertText", "bert", "text-classification", "pairs.jsonl", 1, 4},
        OracleCase{"BertToken", "bert", "token-classification", "tags.conll", 1, 4},
        OracleCase{"DistilBertText", "distilbert", "text-classification", "singles.jsonl", 1,
                   4},
        OracleCase{"DistilBertToken", "distilbert", "token-classification", "tags.conll", 1, 4},
        OracleCase{"RobertaText", "roberta", "text-classification", "pairs.jsonl", 1, 4},
        OracleCase{"RobertaToken", "roberta", "token-classification", "tags.conll", 1, 4},
        OracleCase{"BertQuestion", "bert", "question-answering", "questions.json", 1, 4},
        OracleCase{"DistilBertQuestion", "distilbert", "question-answering", "questions.json", 1,
                   4},
        OracleCase{"RobertaQuestion", "roberta", "question-answering", "questions.json", 4, 2},
        OracleCase{"ElectraQuestion", "electra", "question-answering", "questions.json", 1, 4},
        OracleCase{"ModernBertQuestion", "modernbert", "question-answering", "questions.json", 1,
                   4},
        OracleCase{"Gpt2Question", "gpt2", "question-answering", "questions.json", 1, 4},
        OracleCase{"LlamaQuestion", "llama", "question-answering", "questions.json", 1, 4},
        OracleCase{"MistralQuestion", "mistral", "question-answering", "questions.json", 1, 4},
        OracleCase{"Qwen2Question", "qwen2", "question-answering", "questions.json", 1, 4},
        OracleCase{"Gpt2Text", "gpt2", "text-classification", "singles.jsonl", 1, 4},
        OracleCase{"Gpt2Token", "gpt2", "token-classification", "tags.conll", 1, 4},
        OracleCase{"LlamaText", "llama", "text-classification", "singles.jsonl", 1, 4},
        OracleCase{"LlamaToken", "llama", "token-classification", "tags.conll", 1, 4},
        OracleCase{"MistralText", "mistral", "text-classification", "singles.jsonl", 1, 4},
        OracleCase{"MistralToken", "mistral", "token-classification", "tags.conll", 1, 4},
        OracleCase{"Qwen2Text", "qwen2", "text-classification", "singles.jsonl", 1, 4},
        OracleCase{"Qwen2Token", "qwen2", "token-classification", "tags.conll", 1, 4},
        OracleCase{"ElectraText", "electra", "text-classification", "pairs.jsonl", 1, 4},
        OracleCase{"ElectraToken", "electra", "token-classification", "tags.conll", 1, 4},
        OracleCase{"ModernBertText", "modernbert", "text-classification", "pairs.jsonl", 1, 4},
        OracleCase{"ModernBertToken", "modernbert", "token-classification", "tags.conll", 1, 4},
        OracleCase{"DebertaText", "deberta-v2", "text-classification", "pairs.jsonl", 1, 4},
        OracleCase{"DebertaToken", "deberta-v2", "token-classification", "tags.conll", 1, 4},
        OracleCase{"DebertaQuestion", "deberta-v2", "question-answering", "questions.json", 1,
                   4},
        OracleCase{"BartTranslation", "bart", "translation", "translations.jsonl", 1, 4},
        OracleCase{"MBartTranslation", "mbart", "translation", "translations.jsonl", 1, 4},
        OracleCase{"PegasusSummary", "pegasus", "summarization", "summaries.jsonl", 4, 2},
        OracleCase{"T5Translation", "t5", "translation", "translations.jsonl", 1, 4},
        OracleCase{"T5Summary", "t5", "summarization", "summaries.jsonl", 4, 2},
        OracleCase{"Mt5Translation", "mt5", "translation", "translations.jsonl", 1, 4},
        OracleCase{"BertTextAccumulated", "bert", "text-classification", "pairs.jsonl", 4, 2},
        OracleCase{"RobertaTokenAccumulated", "roberta", "token-classification", "tags.conll",
                   4, 2}),
    [](const auto &info) { return info.param.name; });

} // namespace
} // namespace ftc::numeric
