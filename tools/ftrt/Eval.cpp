// ftrt eval and ftrt predict: a fine-tuned model over a file of examples.
#include "tools/flags/OutputFlag.h"
#include "tools/ftrt/Commands.h"
#include "tools/ftrt/EvalReport.h"

#include "runtime/data/LineReader.h"
#include "runtime/data/PlainText.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/train/Adapter.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/Generation.h"
#include "runtime/train/Progress.h"
#include "runtime/train/Results.h"
#include "runtime/train/RunData.h"
#include "runtime/train/TaskSettings.h"
#include "runtime/train/Weights.h"

#include <chrono>
#include <cstdio>
#include <numeric>
#include <strings.h>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

struct ModelFlags {
  std::string directory;
  rt::ColumnFlags columns;
  std::optional<std::string> sourcePrefix;
  rt::QuestionSettings questions;
  rt::GenerationFlags generation;
  DeviceFlags device;
  std::int64_t batchSize = 8;
  std::string basePath;

  /// What no result may go over: the model, its artifact and its base, the configuration. The
  /// base that an artifact alone names is known only when that is open.
  void addInputs(const FlagSet &flags, std::vector<std::string> &inputs) const {
    inputs.insert(inputs.end(),
                  {directory, artifactIn(directory), basePath, flags.configuration()});
  }

  void declare(FlagSet &flags) {
    flags.positional("D", directory, "the --output_dir of ftrt run, or one of its checkpoints");
    flags.group("Data");
    flags.text("text_column_name", columns.textColumnName, "NAME",
               "column of the text or the tokens");
    flags.text("label_column_name", columns.labelColumnName, "NAME",
               "column of the labels; several, A,B,…, of 0 and 1: one a label");
    flags.text("label_delimiter", columns.labelDelimiter, "TEXT",
               "what stands between the labels of a text that has several");
    flags.shownDefault("labels are lists");
    flags.text("sentence1_key", columns.sentence1Key, "NAME", "column of the first sentence");
    flags.text("sentence2_key", columns.sentence2Key, "NAME", "column of the second sentence");
    declareTargets(flags, columns, sourcePrefix);
    flags.integer("per_device_eval_batch_size", batchSize, {.least = 1, .most = 1 << 20},
                  "examples in a batch; changes no result");
    declareQuestions(flags, questions);
    declareGeneration(flags, generation);
    flags.integer("seed", generation.seed, {.least = 0, .most = 4294967295},
                  "sampling: same seed, same texts");
    flags.group("Machine");
    device.declare(flags);
    declareBasePath(flags, basePath);
    refuseCompileOptions(flags);
    flags.refuse({"class_weights"},
                 "it is a flag of ftrt run, which has the training labels to count; here every "
                 "label counts 1");
  }
};

/// A flag that names a file to write, and what it was given; may be empty.
using OutputFlag = std::pair<std::string_view, const std::string &>;

Status checkOutputs(std::initializer_list<OutputFlag> outputs,
                    std::span<const std::string> inputs) {
  for (const auto &[flag, path] : outputs)
    if (!path.empty())
      FTC_RETURN_IF_ERROR(checkOutputFlag(flag, path, inputs));
  return Status::ok();
}

/// Opens the model for `command`. `options` has the programs that it runs, of which the artifact
/// has those of its task. Flags that were not given take what the model's run was given. Fails
/// where one of `outputs` is a file of the base model.
Result<std::unique_ptr<rt::Session>> openModel(ModelFlags &model, rt::SessionOptions options,
                                               std::string_view command,
                                               std::initializer_list<OutputFlag> outputs) {
  options.device = model.device.device;
  options.threads = static_cast<unsigned>(model.device.threads);
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       cli::openModel(model.directory, options));
  if (rt::hasAdapter(*session->artifact)) {
    std::string base = rt::baseModelPath(*session->artifact, model.basePath);
    FTC_RETURN_IF_ERROR(checkOutputs(outputs, {&base, 1}));
  }
  FTC_RETURN_IF_ERROR(rt::checkFlags(*session, model.columns, false));
  FTC_RETURN_IF_ERROR(rt::checkGenerationFlags(*session->task, model.generation, command));
  if (session->task->hasTargetText())
    FTC_RETURN_IF_ERROR(
        rt::readTaskSettings(model.directory, model.columns, model.sourcePrefix));
  FTC_RETURN_IF_ERROR(session->prepareTargets(model.columns, model.sourcePrefix));
  session->encode.questions = model.questions;
  FTC_RETURN_IF_ERROR(rt::loadBaseWeights(*session, model.basePath));
  FTC_RETURN_IF_ERROR(rt::loadModelWeights(*session, model.directory));
  return session;
}

/// What the model writes for these rows; says how many prompts were cut.
Result<std::vector<rt::WrittenText>> writtenTexts(rt::Session &session,
                                                  const rt::DataTable &table,
                                                  const rt::TaskColumns &columns,
                                                  std::span<const std::int64_t> rows,
                                                  const rt::GenerationFlags &flags,
                                                  rt::Progress &progress) {
  FTC_ASSIGN_OR_RETURN(rt::Prompts prompts,
                       rt::encodePrompts(session, table, columns, rows, flags));
  FTC_ASSIGN_OR_RETURN(std::vector<rt::WrittenText> texts,
                       rt::writeTexts(session, prompts, flags, [&](std::int64_t done) {
                         progress.evaluation(done, std::ssize(rows));
                         return true;
                       }));
  if (std::string cuts = rt::describePromptCuts(session, prompts); !cuts.empty())
    progress.line(cuts);
  return texts;
}

} // namespace

Status evalCommand(Arguments arguments) {
  ModelFlags model;
  std::vector<std::string> testFile;
  std::string outputFile, reportFile;
  double labelSmoothing = 0;
  std::int64_t maxRows = -1;
  bool predictWithGenerate = true;
  FlagSet flags("ftrt eval", "D --test_file T [flags]",
                "Prints the metrics of a fine-tuned model as JSON.");
  model.declare(flags);
  flags.group("Evaluation");
  flags.files("test_file", testFile, "labelled examples; two files of parallel text");
  flags.require("test_file");
  flags.text("output_file", outputFile, "FILE", "where the JSON goes");
  flags.shownDefault("stdout");
  flags.text("report_file", reportFile, "FILE", "a page about the evaluation");
  flags.shownDefault("none");
  flags.integer("max_eval_samples", maxRows, {.least = 1}, "rows that are used");
  flags.shownDefault("all");
  flags.real("label_smoothing_factor", labelSmoothing,
             {.least = 0, .most = 1, .mostOpen = true}, "part of eval_loss");
  declarePredictWithGenerate(flags, predictWithGenerate);
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  std::vector<std::string> inputs = testFile;
  model.addInputs(flags, inputs);
  std::initializer_list<OutputFlag> written = {{"output_file", outputFile},
                                               {"report_file", reportFile}};
  FTC_RETURN_IF_ERROR(checkOutputs(written, inputs));
  rt::SessionOptions options;
  options.programs = {"evaluate"};
  if (predictWithGenerate)
    options.scoringPrograms = {"prefill", "decode"};
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       openModel(model, std::move(options), "ftrt eval", written));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::DataSet> set,
                       rt::readDataSet(*session, testFile, model.columns, true, maxRows));
  FTC_RETURN_IF_ERROR(rt::checkRows(rt::encodeSource(*session, *set, session->encode)));
  FTC_ASSIGN_OR_RETURN(rt::EncodedTable encoded,
                       rt::encodeTable(*session->task, *set->table, set->columns,
                                       session->labels, *session->tokenizer, session->encode));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Evaluator> evaluator,
                       rt::Evaluator::make(*session, labelSmoothing));
  std::unique_ptr<rt::TaskOutputs> outputs = session->task->makeOutputs(session->outputSource(
      encoded.examples, *set->table, set->columns, session->encode.questions));
  bool writes = predictWithGenerate && session->task->hasTargetText();
  rt::Progress progress(stderr, rt::detectProgressStyle());
  if (std::string given = rt::givenGenerationFlags(model.generation);
      !writes && !given.empty())
    progress.line(given + ": without effect, no texts are written (--predict_with_generate "
                          "false)");
  std::int64_t all = static_cast<std::int64_t>(encoded.examples.size());
  for (const std::string &line :
       rt::describeCuts("test", encoded.cuts, all, session->encode))
    progress.line(line);
  FTC_ASSIGN_OR_RETURN(
      rt::EvaluationResult result,
      evaluator->run(encoded.examples, model.batchSize, *outputs, [&](std::int64_t done) {
        progress.evaluation(done, all);
        return true;
      }));
  if (result.counted == 0)
    return Status::error(set->path + ": expected at least one label that counts, got none in " +
                         std::to_string(all) + " examples: there is nothing to measure");
  if (writes) {
    auto start = std::chrono::steady_clock::now();
    FTC_ASSIGN_OR_RETURN(std::vector<rt::WrittenText> texts,
                         writtenTexts(*session, *set->table, set->columns, set->rows,
                                      model.generation, progress));
    outputs->takeTexts(std::move(texts), /*showIds=*/false);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    result.seconds += seconds.count();
  }
  FTC_ASSIGN_OR_RETURN(rt::Metrics metrics, outputs->metrics());
  FTC_ASSIGN_OR_RETURN(std::string report, outputs->report());
  progress.line(report.substr(0, report.find_last_not_of('\n') + 1));
  rt::OrderedJson json;
  json["eval_loss"] = result.loss();
  for (const auto &[name, value] : metrics)
    json["eval_" + name] = value;
  if (writes)
    for (const auto &[name, text] : outputs->signatures())
      json["eval_" + name] = text;
  rt::addSpeed(json, "eval", result.seconds, static_cast<double>(result.examples),
               static_cast<double>(result.batches));
  json["eval_samples"] = result.examples;
  rt::addCuts(json, "eval", encoded.cuts);
  if (!reportFile.empty()) {
    std::vector<std::string> command = {"ftrt", "eval"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    FTC_RETURN_IF_ERROR(writeEvalReport(
        reportFile, {*session, *set, encoded, result, *outputs, json, report, writes},
        std::move(command)));
  }
  std::string text = rt::dumpJson(json, 4) + "\n";
  if (!outputFile.empty())
    return rt::writeFileAtomic(outputFile, text).withContext("--output_file");
  std::fputs(text.c_str(), stdout);
  return Status::ok();
}

/// The lines of a task that writes texts: prompts go through prefill and decode.
static Result<std::string> generatedLines(rt::Session &session, const rt::DataTable &table,
                                          const rt::TaskColumns &columns,
                                          const ModelFlags &model, bool outputIds) {
  rt::Progress progress(stderr, rt::detectProgressStyle());
  std::vector<std::int64_t> rows(table.rows());
  std::iota(rows.begin(), rows.end(), 0);
  FTC_ASSIGN_OR_RETURN(std::vector<rt::WrittenText> texts,
                       writtenTexts(session, table, columns, rows, model.generation, progress));
  std::unique_ptr<rt::TaskOutputs> outputs = session.task->makeOutputs(
      session.outputSource({}, table, columns, session.encode.questions));
  outputs->takeTexts(std::move(texts), outputIds);
  return outputs->predictionLines(table, columns);
}

/// Whether `path` holds sources as plain text, one a line: .txt, or for translation a name that
/// ends in the language to read (test.en), as parallel text has it.
static bool isPlainText(const rt::Session &session, const std::string &path) {
  if (!session.task->hasTargetText())
    return false;
  std::string suffix = rt::suffixOf(path);
  const std::string &language = session.sourceLang;
  auto is = [&](const std::string &name) {
    return !name.empty() && strcasecmp(suffix.c_str(), name.c_str()) == 0;
  };
  return is("txt") || is(language) || is(language.substr(0, language.find('_')));
}

/// The rows to predict and their columns; `columns` as the flags have them.
static Result<rt::DataTable> readInput(const rt::Session &session, const std::string &path,
                                       const rt::ColumnFlags &columns, rt::TaskColumns &found) {
  if (isPlainText(session, path)) {
    if (!columns.textColumn.empty())
      return Status::usage("--text_column: " + rt::escape(path, 160) +
                           " is plain text, one source a line, and has no columns; leave it out");
    found.text = 0;
    return rt::readPlainText(path);
  }
  FTC_ASSIGN_OR_RETURN(rt::DataTable table, rt::readDataFile(path));
  FTC_ASSIGN_OR_RETURN(found, session.task->findColumns(table, columns, false));
  return table;
}

/// The lines of a task whose answers are read off the outputs of evaluate.
static Result<std::string> predictedLines(rt::Session &session, const rt::DataTable &table,
                                          const rt::TaskColumns &columns,
                                          const ModelFlags &model) {
  rt::TaskColumns inputs = columns;
  inputs.label = -1;
  FTC_RETURN_IF_ERROR(session.task->checkTable(table, inputs, session.encode));
  FTC_ASSIGN_OR_RETURN(rt::EncodedTable encoded,
                       rt::encodeTableForPrediction(*session.task, table, columns,
                                                    *session.tokenizer, session.encode));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Evaluator> evaluator,
                       rt::Evaluator::make(session, 0));
  std::unique_ptr<rt::TaskOutputs> outputs = session.task->makeOutputs(
      session.outputSource(encoded.examples, table, columns, session.encode.questions));
  rt::Progress progress(stderr, rt::detectProgressStyle());
  std::int64_t all = static_cast<std::int64_t>(encoded.examples.size());
  for (const std::string &line :
       rt::describeCuts("input", encoded.cuts, all, session.encode))
    progress.line(line);
  FTC_ASSIGN_OR_RETURN(
      rt::EvaluationResult result,
      evaluator->run(encoded.examples, model.batchSize, *outputs, [&](std::int64_t done) {
        progress.evaluation(done, all);
        return true;
      }));
  (void)result;
  progress.clear();
  return outputs->predictionLines(table, columns);
}

Status predictCommand(Arguments arguments) {
  ModelFlags model;
  std::string inputFile, outputFile;
  bool outputIds = false;
  FlagSet flags("ftrt predict", "D --input_file I [--output_file O]",
                "Writes one JSON object a row of the input; labels are not needed.");
  model.declare(flags);
  flags.group("Prediction");
  flags.text("input_file", inputFile, "FILE",
             "examples; summarization, translation: .txt is a source a line");
  flags.require("input_file");
  flags.text("output_file", outputFile, "FILE", "where the JSON lines go");
  flags.shownDefault("stdout");
  flags.boolean("output_ids", outputIds, "generation: the texts' token ids too");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  std::vector<std::string> inputs{inputFile};
  model.addInputs(flags, inputs);
  std::initializer_list<OutputFlag> written = {{"output_file", outputFile}};
  FTC_RETURN_IF_ERROR(checkOutputs(written, inputs));
  rt::SessionOptions options;
  options.programs = {"evaluate", "prefill", "decode"};
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       openModel(model, std::move(options), "ftrt predict", written));
  rt::ColumnFlags columns = session->columnFlags(model.columns);
  if (model.columns.labelColumnName.empty())
    columns.labelColumnName.clear();
  rt::TaskColumns found;
  FTC_ASSIGN_OR_RETURN(rt::DataTable table, readInput(*session, inputFile, columns, found));
  FTC_ASSIGN_OR_RETURN(std::string lines,
                       session->task->generates()
                           ? generatedLines(*session, table, found, model, outputIds)
                           : predictedLines(*session, table, found, model));
  if (!outputFile.empty())
    return rt::writeFileAtomic(outputFile, lines).withContext("--output_file");
  std::fwrite(lines.data(), 1, lines.size(), stdout);
  return Status::ok();
}

} // namespace ftc::cli
