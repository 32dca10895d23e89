// ftc assess: whether fine-tuning pays, before anybody fine-tunes.
#include "assess/Assess.h"
#include "catalog/LocalModels.h"
#include "compiler/Adapter.h"
#include "runtime/report/Report.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/TaskFlags.h"
#include "runtime/train/Interrupt.h"
#include "tools/flags/FlagSet.h"
#include "tools/flags/OutputFlag.h"
#include "tools/ftc/Commands.h"
#include "tools/ftc/CompileFlags.h"

#include <cmath>
#include <cstdio>

namespace ftc::cli {

namespace {

struct AssessFlags {
  assess::AssessOptions assess;
  bool json = false, exitCode = false;
  std::string html;
  std::int64_t threads = 0;
};

void declareData(FlagSet &flags, assess::AssessOptions &o) {
  rt::ColumnFlags &columns = o.compile.columns;
  flags.group("Task and data");
  flags.choice("task", o.compile.task,
               {"text-classification", "token-classification", "question-answering",
                "summarization", "translation"},
               "what the model is to do", {"text-generation"});
  flags.require("task");
  flags.files("train_file", o.compile.trainFile, "examples that there are to train on");
  flags.require("train_file");
  flags.files("validation_file", o.validationFile, "examples to evaluate with");
  flags.shownDefault("20 % of the training file");
  flags.files("test_file", o.testFile, "looked at for leakage and size alone");
  flags.text("text_column_name", columns.textColumnName, "NAME", "column of the text");
  flags.text("label_column_name", columns.labelColumnName, "NAME", "column of the label");
  flags.text("label_delimiter", columns.labelDelimiter, "TEXT",
             "what stands between the labels of a text that has several");
  flags.shownDefault("labels are lists");
  flags.boolean("do_regression", columns.regression,
                "text classification: true: the labels are values, false: they are classes");
  flags.shownDefault("as the labels look");
  flags.text("sentence1_key", columns.sentence1Key, "NAME", "column of a pair's first");
  flags.text("sentence2_key", columns.sentence2Key, "NAME", "column of a pair's second");
  flags.text("text_column", columns.textColumn, "NAME", "summarization: column of the text");
  flags.text("summary_column", columns.summaryColumn, "NAME",
             "summarization: column of the summary");
  flags.text("source_lang", columns.sourceLang, "LANG", "translation: the language to read");
  flags.text("target_lang", columns.targetLang, "LANG", "translation: the language to write");
  flags.text("source_prefix", o.compile.sourcePrefix, "TEXT",
             "summarization, translation: put before every source");
  flags.boolean("label_all_tokens", o.compile.labelAllTokens,
                "token classification: label every sub-word");
  flags.boolean("version_2_with_negative", o.questions.version2WithNegative,
                "question answering: questions may have no answer");
  flags.integer("doc_stride", o.questions.docStride, {.least = 0, .most = 1 << 20},
                "question answering: tokens that neighbouring windows share");
}

void declareRun(FlagSet &flags, assess::AssessOptions &o, std::int64_t &threads) {
  flags.group("The run that is asked about, as ftc compile and ftrt run have it");
  flags.text("method", o.method, "full|lora|layers:K", "what would be trained", checkMethod);
  flags.real("num_train_epochs", o.recipe.epochs, {.least = 0, .most = 1e9, .leastOpen = true},
             "epochs");
  flags.integer("per_device_train_batch_size", o.recipe.batchSize,
                {.least = 1, .most = 1 << 20}, "examples in a batch");
  flags.real("learning_rate", o.recipe.learningRate, {.least = 0}, "peak learning rate");
  flags.integer("seed", o.recipe.seed, {.least = 0, .most = 4294967295},
                "of subsets, heads and orders");
  flags.choice("precision", o.compile.precision, {"fp32", "bf16", "auto"},
               "what products are computed in");
  flags.integer("max_seq_length", o.compile.maxSequenceLength, {3, 1 << 20},
                "longest input in tokens");
  flags.shownDefault("the model's");
  flags.integer("max_tokens", o.compile.maxTokens, {3, 1 << 24},
                "token capacity of one packed micro-batch");
  flags.shownDefault("auto");
  flags.integer("max_source_length", o.compile.generation.maxSourceLength, {1, 1 << 20},
                "longest source or prompt in tokens");
  flags.shownDefault("1024, at most the model's positions");
  flags.integer("max_target_length", o.compile.generation.maxTargetLength, {1, 1 << 20},
                "longest target in tokens");
  flags.shownDefault("128, at most the model's positions");
  flags.integer("threads", threads, {.least = 0, .most = 1024}, "CPU threads, 0: every core");
}

/// " 'BASE'", as the adapter names it, or nothing.
std::string quotedBase(const std::string &adapter) {
  std::string base = adapterBaseName(adapter);
  return base.empty() ? "" : " " + rt::quote(base, 200);
}

rt::Status checkTogether(const FlagSet &flags, AssessFlags &given) {
  assess::AssessOptions &o = given.assess;
  if (o.method == "head")
    return rt::Status::usage(
        "--method: head is always assessed, as the probe; expected full, lora "
        "or layers:K to compare it with");
  FTC_ASSIGN_OR_RETURN(const rt::Task *task, rt::findTask(o.compile.task));
  FTC_RETURN_IF_ERROR(rt::checkTaskFlags(*task, o.compile.columns, o.compile.labelAllTokens));
  FTC_RETURN_IF_ERROR(checkLengths(flags, *task, o.compile));
  for (const char *name : {"doc_stride", "version_2_with_negative"})
    if (flags.given(name) && o.compile.task != "question-answering")
      return rt::Status::usage(std::string("--") + name +
                               ": question answering alone has it, this is " + o.compile.task);
  // A share is the same in points.
  if (o.target && *o.target <= 1)
    *o.target *= 100;
  return rt::Status::ok();
}

/// The page goes over none of what is read: the data, the models (resolved), the configuration.
rt::Status checkPage(const FlagSet &flags, const AssessFlags &given) {
  const assess::AssessOptions &o = given.assess;
  std::vector<std::string> inputs = o.models;
  for (const std::vector<std::string> *files :
       {&o.compile.trainFile, &o.validationFile, &o.testFile})
    inputs.insert(inputs.end(), files->begin(), files->end());
  inputs.push_back(flags.configuration());
  return checkOutputFlag("html", given.html, inputs);
}

} // namespace

rt::Status assessCommand(std::span<const std::string> arguments, int &verdictCode) {
  AssessFlags given;
  assess::AssessOptions &o = given.assess;
  FlagSet flags("ftc assess", "MODEL… --task TASK --train_file F [--validation_file V]",
                "Says with figures whether fine-tuning a model on this data pays.");
  flags.positionals("MODEL", o.models,
                    "directories in Hugging Face layout, or names of the catalog; the first is "
                    "assessed, the others are "
                    "what could be taken instead");
  declareData(flags, o);
  declareRun(flags, o, given.threads);
  flags.group("What is wanted");
  flags.text("metric_for_best_model", o.metric, "NAME", "the metric that counts");
  flags.shownDefault("accuracy, f1, rougeL or bleu, as the task has");
  flags.real("target_metric", o.target, {.least = 0, .most = 100, .leastOpen = true},
             "what suffices, in points of 0 to 100 or as a share of 1");
  flags.shownDefault("none: what training gains decides");
  flags.real("time_budget", o.timeBudget, {.least = 0, .most = 1e7, .leastOpen = true},
             "seconds for features and short runs, beside some that are always taken");
  flags.shownDefault("what a ninth of the run's arithmetic takes, 13.5 % where a run has yet to begin");
  flags.group("Output");
  flags.boolean("json", given.json, "all figures as JSON on stdout");
  flags.text("html", given.html, "FILE", "write a page of its own too");
  flags.boolean(
      "exit_code", given.exitCode,
      "end with 10 to 15 for the verdict: ALREADY SATISFIES, PROBE SUFFICES, FINE-TUNE, "
      "NEED DATA, WRONG MODEL, INCONCLUSIVE");
  std::string codes;
  for (int code = 0; code < assess::kVerdicts; ++code) {
    auto verdict = static_cast<assess::Verdict>(code);
    codes += (code ? ", " : "") + std::to_string(assess::verdictExitCode(verdict)) + " " +
             std::string(assess::verdictName(verdict));
  }
  flags.exits("With --exit_code, instead of 0: " + codes + ".");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  FTC_RETURN_IF_ERROR(checkTogether(flags, given));
  for (std::string &model : o.models) {
    FTC_ASSIGN_OR_RETURN(model, catalog::resolve(model));
    if (isAdapterDirectory(model))
      return rt::Status::usage(
          "MODEL: " + model +
          " is a PEFT adapter, expected a whole model; assess its base model" +
          quotedBase(model) + ", or merge it: ftrt export " + rt::shellQuote(model) +
          " --to DIR --merge_lora");
  }
  if (!given.html.empty())
    FTC_RETURN_IF_ERROR(checkPage(flags, given));
  o.compile.model = o.models.front();
  o.recipe.threads = static_cast<unsigned>(given.threads);
  rt::InterruptScope interrupts("\nftc: stopping; once more stops at once\n",
                                "\nftc: stopped at once, without a verdict\n");
  auto say = [](const std::string &line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  FTC_ASSIGN_OR_RETURN(assess::Assessment result,
                       assess::assess(o, say, [] { return rt::interruptSignal() != 0; }));
  if (!given.html.empty())
    FTC_RETURN_IF_ERROR(
        rt::writeFileAtomic(given.html, assess::renderHtml(result)).withContext("--html"));
  std::string shown = given.json ? assess::renderJson(result) : assess::renderText(result);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  if (given.exitCode)
    verdictCode = assess::verdictExitCode(result.verdict);
  return {};
}

} // namespace ftc::cli
