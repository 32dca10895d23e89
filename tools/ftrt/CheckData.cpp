// ftrt check-data: everything wrong with the files of a run, before there is a run.
#include "tools/ftrt/Commands.h"

#include "runtime/io/Gguf.h"
#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/ChatTemplate.h"
#include "runtime/tasks/DataCheck.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/Session.h"

#include <cstdio>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

struct CheckFlags {
  std::string file, task, model;
  rt::DataCheckOptions options;
  std::optional<std::string> sourcePrefix;
  std::int64_t maxLength = 0, maxSourceLength = 0, maxTargetLength = 0, shown = 5;
  bool json = false;

  void declare(FlagSet &flags) {
    rt::ColumnFlags &columns = options.columns;
    flags.positional("FILE", file, "training examples; instead of --train_file", true);
    flags.group("Data");
    flags.text("task", task, "TASK", "Hugging Face's task tag");
    flags.shownDefault("the artifact's");
    flags.files("train_file", options.train.paths,
                "training examples; two files of parallel text");
    flags.files("validation_file", options.validation.paths, "examples to evaluate with");
    flags.files("test_file", options.test.paths, "examples to predict");
    flags.text("text_column_name", columns.textColumnName, "NAME",
               "column of the text or the tokens");
    flags.text("label_column_name", columns.labelColumnName, "NAME",
               "column of the labels; several, A,B,…, of 0 and 1: one a label");
    flags.text("label_delimiter", columns.labelDelimiter, "TEXT",
               "what stands between the labels of a text that has several");
    flags.shownDefault("labels are lists");
    flags.boolean("do_regression", columns.regression,
                  "true: labels are values, false: classes");
    flags.shownDefault("what the labels look like");
    flags.text("sentence1_key", columns.sentence1Key, "NAME", "column of the first sentence");
    flags.text("sentence2_key", columns.sentence2Key, "NAME", "column of the second sentence");
    declareTargets(flags, columns, sourcePrefix);
    flags.boolean("version_2_with_negative", options.encode.questions.version2WithNegative,
                  "questions may have no answer (SQuAD 2)");
    flags.integer("max_samples", options.maxRows, {.least = 1},
                  "rows of each file that are looked at");
    flags.shownDefault("all");
    flags.group("Lengths");
    flags.text(
        "model", model, "MODEL_OR_D",
        "a model directory, a GGUF file, a run's directory or a step.ftb: lengths in its "
        "tokens; of the latter two its labels and limits too");
    flags.shownDefault("none");
    flags.integer("max_seq_length", maxLength, {.least = 1, .most = 1 << 30},
                  "tokens beyond which an example would be cut");
    flags.shownDefault("the artifact's");
    flags.integer("max_source_length", maxSourceLength, {.least = 1, .most = 1 << 30},
                  "the same of sources that have a target");
    flags.shownDefault("the artifact's");
    flags.integer("max_target_length", maxTargetLength, {.least = 1, .most = 1 << 30},
                  "the same of targets");
    flags.shownDefault("the artifact's");
    flags.group("Output");
    flags.boolean("json", json, "one JSON object instead of the tables");
    flags.integer("max_shown", shown, {.least = 0, .most = 1000},
                  "places that are shown of each kind of finding; all are counted");
  }
};

/// What the model gives; it must outlive the check.
struct CheckModel {
  std::unique_ptr<rt::Session> session;
  std::unique_ptr<rt::Tokenizer> tokenizer, targetTokenizer;
  std::unique_ptr<rt::ChatTemplate> chat;
};

bool hasArtifact(const std::string &path) {
  return rt::isFile(path) ? !path.ends_with(".gguf") : rt::isFile(artifactIn(path));
}

/// Task, labels, limits and tokenizer of an artifact.
Status takeArtifact(CheckFlags &flags, CheckModel &model) {
  FTC_ASSIGN_OR_RETURN(model.session, rt::Session::openWithoutDevice(artifactIn(flags.model)));
  rt::Session &session = *model.session;
  if (!flags.task.empty() && flags.task != session.task->name())
    return Status::usage("--task: the artifact was compiled for " +
                         std::string(session.task->name()) + ", got " +
                         rt::quote(flags.task, 60) + "; leave the flag out");
  FTC_RETURN_IF_ERROR(session.prepareTargets(flags.options.columns, flags.sourcePrefix));
  rt::DataCheckOptions &options = flags.options;
  rt::QuestionSettings questions = options.encode.questions;
  options.encode = session.encode;
  options.encode.questions = questions;
  options.task = session.task;
  options.problemKnown = true;
  options.labels = session.labels.names();
  options.tokenizer = session.tokenizer.get();
  options.columns = session.columnFlags(options.columns);
  return Status::ok();
}

/// The tokenizers and the chat template of a model that is not compiled.
Status takeDirectory(CheckFlags &flags, CheckModel &model) {
  FTC_ASSIGN_OR_RETURN(ModelTokenizer files, readModelTokenizer(flags.model));
  rt::DataCheckOptions &options = flags.options;
  if (!files.encoderDecoder)
    options.task = options.task->forDecoder();
  rt::TokenizerOptions tokenizer;
  tokenizer.modelType = files.modelType;
  tokenizer.addPrefixSpace = options.task->needsPrefixSpace();
  tokenizer.sourceLanguage = options.columns.sourceLang;
  tokenizer.targetLanguage = options.columns.targetLang;
  for (bool target : {false, true}) {
    if (target && !rt::hasTargetTokenizer(files.files, files.modelType))
      break;
    tokenizer.target = target;
    Result<std::unique_ptr<rt::Tokenizer>> made = rt::makeTokenizer(files.files, tokenizer);
    if (!made)
      return made.takeStatus().withContext(flags.model);
    (target ? model.targetTokenizer : model.tokenizer) = made.take();
  }
  FTC_ASSIGN_OR_RETURN(model.chat, rt::ChatTemplate::read(files.files));
  options.tokenizer = model.tokenizer.get();
  options.encode.chat = model.chat.get();
  options.encode.endOfText = files.endOfText;
  options.encode.target.tokenizer = model.targetTokenizer.get();
  options.encode.target.sourcePrefix = flags.sourcePrefix.value_or("");
  return Status::ok();
}

Status takeModel(CheckFlags &flags, CheckModel &model) {
  bool artifact = !flags.model.empty() && hasArtifact(flags.model);
  if (!artifact) {
    if (flags.task.empty())
      return Status::usage("--task is missing: expected a task, or --model with an artifact");
    FTC_ASSIGN_OR_RETURN(flags.options.task, rt::findTask(flags.task));
  }
  flags.options.encode.modelKnown = !flags.model.empty();
  if (flags.model.empty())
    return Status::ok();
  return artifact ? takeArtifact(flags, model) : takeDirectory(flags, model);
}

/// The limits that flags name, of the kind that the task has.
Status takeLimits(const FlagSet &given, CheckFlags &flags) {
  bool targets = flags.options.task->hasTargetText();
  for (const char *name : {"max_seq_length", "max_source_length", "max_target_length"}) {
    if (!given.given(name))
      continue;
    if (flags.model.empty())
      return Status::usage(std::string("--") + name +
                           ": needs --model, whose tokens are counted");
    if (targets == (std::string_view(name) == "max_seq_length"))
      return Status::usage(std::string("--") + name + ": " +
                           std::string(flags.options.task->name()) + " has " +
                           (targets ? "--max_source_length and --max_target_length instead"
                                    : "--max_seq_length instead"));
  }
  rt::EncodeSettings &encode = flags.options.encode;
  if (std::int64_t limit = targets ? flags.maxSourceLength : flags.maxLength; limit > 0)
    encode.maxSeqLength = static_cast<std::int32_t>(limit);
  if (flags.maxTargetLength > 0)
    encode.target.maxLength = static_cast<std::int32_t>(flags.maxTargetLength);
  return Status::ok();
}

} // namespace

Status checkDataCommand(Arguments arguments) {
  CheckFlags check;
  FlagSet flags(
      "ftrt check-data", "FILE --task T [--validation_file V] [--test_file T] [flags]",
      "Finds everything wrong with data files at once; exit code 1 where ftrt run would "
      "refuse them.");
  check.declare(flags);
  flags.exits(
      "1 also where ftrt run would refuse the files; the findings are on stdout then too.");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return Status::ok();
  rt::DataCheckOptions &options = check.options;
  if (!check.file.empty() && !options.train.paths.empty())
    return Status::usage("--train_file: FILE is given too; expected one of them");
  if (!check.file.empty())
    options.train.paths = {check.file};
  if (options.train.paths.empty() && options.validation.paths.empty() &&
      options.test.paths.empty())
    return Status::usage("FILE is missing: expected a data file to check");
  options.shown = static_cast<std::size_t>(check.shown);
  CheckModel model;
  rt::ColumnFlags given = options.columns;
  FTC_RETURN_IF_ERROR(takeModel(check, model));
  FTC_RETURN_IF_ERROR(rt::checkTaskFlags(*options.task, given, false));
  FTC_RETURN_IF_ERROR(takeLimits(flags, check));
  FTC_ASSIGN_OR_RETURN(rt::DataCheck found, rt::checkData(options));
  std::string text = check.json ? rt::checkJson(found) : rt::describeCheck(found);
  std::fputs(text.c_str(), stdout);
  if (found.usable())
    return Status::ok();
  const rt::Finding &first = found.findings.front();
  std::int64_t kinds = found.countOf(rt::Severity::Refused);
  return Status::error(
      rt::escape(first.path, 160) + ": ftrt run would refuse these files: " + first.what +
      ": " + std::to_string(first.count) +
      (first.places.empty() || first.places.front().text.empty()
           ? ""
           : ", the first: " + first.places.front().text) +
      (kinds > 2    ? " (and " + std::to_string(kinds - 1) + " other kinds of error)"
       : kinds == 2 ? " (and another kind of error)"
                    : ""));
}

} // namespace ftc::cli
