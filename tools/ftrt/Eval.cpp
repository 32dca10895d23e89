// ftrt eval and ftrt predict: a fine-tuned model over a file of examples.
#include "tools/ftrt/Commands.h"

#include "runtime/support/File.h"
#include "runtime/support/OutputFile.h"
#include "runtime/train/Evaluation.h"
#include "runtime/train/Progress.h"
#include "runtime/train/Results.h"
#include "runtime/train/RunData.h"
#include "runtime/train/Weights.h"

#include <cstdio>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

struct ModelFlags {
  std::string directory;
  rt::ColumnFlags columns;
  std::string sourcePrefix;
  rt::QuestionSettings questions;
  DeviceFlags device;
  std::int64_t batchSize = 8;
  std::string basePath;

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
    flags.group("Machine");
    device.declare(flags);
    declareBasePath(flags, basePath);
    refuseCompileOptions(flags);
    refuseLaterTasks(flags);
    flags.refuse({"class_weights"},
                 "it is a flag of ftrt run, which has the training labels to count; here every "
                 "label counts 1");
  }
};

Result<std::unique_ptr<rt::Session>> openModel(const ModelFlags &model) {
  rt::SessionOptions options;
  options.device = model.device.device;
  options.threads = static_cast<unsigned>(model.device.threads);
  options.programs = {"evaluate"};
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session,
                       rt::Session::open(artifactIn(model.directory), options));
  FTC_RETURN_IF_ERROR(rt::checkFlags(*session, model.columns, false));
  FTC_RETURN_IF_ERROR(session->prepareTargets(model.columns, model.sourcePrefix));
  session->encode.questions = model.questions;
  FTC_RETURN_IF_ERROR(rt::loadBaseWeights(*session, model.basePath));
  FTC_RETURN_IF_ERROR(rt::loadModelWeights(*session, model.directory));
  return session;
}

} // namespace

Status evalCommand(Arguments arguments) {
  ModelFlags model;
  std::vector<std::string> testFile;
  std::string outputFile;
  double labelSmoothing = 0;
  std::int64_t maxRows = -1;
  FlagSet flags("ftrt eval", "D --test_file T [flags]",
                "Prints the metrics of a fine-tuned model as JSON.");
  model.declare(flags);
  flags.group("Evaluation");
  flags.files("test_file", testFile, "labelled examples; two files of parallel text");
  flags.require("test_file");
  flags.text("output_file", outputFile, "FILE", "where the JSON goes");
  flags.shownDefault("stdout");
  flags.integer("max_eval_samples", maxRows, {.least = 1}, "rows that are used");
  flags.shownDefault("all");
  flags.real("label_smoothing_factor", labelSmoothing,
             {.least = 0, .most = 1, .mostOpen = true}, "part of eval_loss");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  if (!outputFile.empty())
    FTC_RETURN_IF_ERROR(rt::checkWritableFile(outputFile).withContext("--output_file"));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session, openModel(model));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::DataSet> set,
                       rt::readDataSet(*session, testFile, model.columns, true, maxRows));
  FTC_ASSIGN_OR_RETURN(rt::EncodedTable encoded,
                       rt::encodeTable(*session->task, set->table, set->columns,
                                       session->labels, *session->tokenizer, session->encode));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Evaluator> evaluator,
                       rt::Evaluator::make(*session, labelSmoothing));
  std::unique_ptr<rt::TaskOutputs> outputs = session->task->makeOutputs(
      {encoded.examples, session->labels, set->table, set->columns, session->encode.questions});
  rt::Progress progress(stderr, rt::detectProgressStyle());
  std::int64_t all = static_cast<std::int64_t>(encoded.examples.size());
  if (std::string cuts = rt::describeCuts("test", encoded.truncatedExamples, all,
                                          session->encode.maxSeqLength);
      !cuts.empty())
    progress.line(cuts);
  if (std::string cuts = rt::describeTargetCuts("test", encoded.truncatedTargets, all,
                                                session->encode.target.maxLength);
      !cuts.empty())
    progress.line(cuts);
  FTC_ASSIGN_OR_RETURN(
      rt::EvaluationResult result,
      evaluator->run(encoded.examples, model.batchSize, *outputs, [&](std::int64_t done) {
        progress.evaluation(done, all);
        return true;
      }));
  FTC_ASSIGN_OR_RETURN(rt::Metrics metrics, outputs->metrics());
  FTC_ASSIGN_OR_RETURN(std::string report, outputs->report());
  progress.line(report.substr(0, report.find_last_not_of('\n') + 1));
  rt::OrderedJson json;
  json["eval_loss"] = result.loss();
  for (const auto &[name, value] : metrics)
    json["eval_" + name] = value;
  rt::addSpeed(json, "eval", result.seconds, static_cast<double>(result.examples),
               static_cast<double>(result.batches));
  json["eval_samples"] = result.examples;
  std::string text = rt::dumpJson(json, 4) + "\n";
  if (!outputFile.empty())
    return rt::writeFileAtomic(outputFile, text);
  std::fputs(text.c_str(), stdout);
  return Status::ok();
}

Status predictCommand(Arguments arguments) {
  ModelFlags model;
  std::string inputFile, outputFile;
  FlagSet flags("ftrt predict", "D --input_file I [--output_file O]",
                "Writes one JSON object a row of the input; labels are not needed.");
  model.declare(flags);
  flags.group("Prediction");
  flags.text("input_file", inputFile, "FILE", "examples");
  flags.require("input_file");
  flags.text("output_file", outputFile, "FILE", "where the JSON lines go");
  flags.shownDefault("stdout");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  if (!outputFile.empty())
    FTC_RETURN_IF_ERROR(rt::checkWritableFile(outputFile).withContext("--output_file"));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Session> session, openModel(model));
  rt::ColumnFlags columns = session->columnFlags(model.columns);
  if (model.columns.labelColumnName.empty())
    columns.labelColumnName.clear();
  FTC_ASSIGN_OR_RETURN(rt::DataTable table, rt::readDataFile(inputFile));
  FTC_ASSIGN_OR_RETURN(rt::TaskColumns found,
                       session->task->findColumns(table, columns, false));
  FTC_ASSIGN_OR_RETURN(rt::EncodedTable encoded,
                       rt::encodeTableForPrediction(*session->task, table, found,
                                                    *session->tokenizer, session->encode));
  FTC_ASSIGN_OR_RETURN(std::unique_ptr<rt::Evaluator> evaluator,
                       rt::Evaluator::make(*session, 0));
  std::unique_ptr<rt::TaskOutputs> outputs = session->task->makeOutputs(
      {encoded.examples, session->labels, table, found, session->encode.questions});
  rt::Progress progress(stderr, rt::detectProgressStyle());
  std::int64_t all = static_cast<std::int64_t>(encoded.examples.size());
  if (std::string cuts = rt::describeCuts("input", encoded.truncatedExamples, all,
                                          session->encode.maxSeqLength);
      !cuts.empty())
    progress.line(cuts);
  FTC_ASSIGN_OR_RETURN(
      rt::EvaluationResult result,
      evaluator->run(encoded.examples, model.batchSize, *outputs, [&](std::int64_t done) {
        progress.evaluation(done, all);
        return true;
      }));
  (void)result;
  progress.clear();
  FTC_ASSIGN_OR_RETURN(std::string lines, outputs->predictionLines(table, found));
  if (!outputFile.empty())
    return rt::writeFileAtomic(outputFile, lines);
  std::fwrite(lines.data(), 1, lines.size(), stdout);
  return Status::ok();
}

} // namespace ftc::cli
