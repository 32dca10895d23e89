// `ftc compile`: flags to CompileOptions.
#include "catalog/LocalModels.h"
#include "compiler/Compile.h"
#include "compiler/PassPlugin.h"
#include "compiler/passes/Optimizers.h"
#include "runtime/support/Text.h"
#include "runtime/tasks/TaskFlags.h"
#include "tools/flags/FlagSet.h"
#include "tools/flags/OutputFlag.h"
#include "tools/ftc/Commands.h"
#include "tools/ftc/CompileFlags.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace ftc::cli {

/// "2GiB", "512MiB", "1.5GB" or plain bytes.
static rt::Result<std::int64_t> parseBytes(const std::string &text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(static_cast<const char *>(end), text.data() + text.size());
  double scale = unit.empty() || unit == "B" ? 1
                 : unit == "KiB"             ? 1024.0
                 : unit == "MiB"             ? 1048576.0
                 : unit == "GiB"             ? 1073741824.0
                 : unit == "KB"              ? 1e3
                 : unit == "MB"              ? 1e6
                 : unit == "GB"              ? 1e9
                                             : 0;
  if (error != std::errc() || scale == 0 || !(number > 0) || number * scale > 9e18)
    return rt::Status::usage("--memory_budget: expected a size such as 2GiB or 800MiB, got '" +
                             text.substr(0, 40) + "'");
  return static_cast<std::int64_t>(number * scale);
}

rt::Status checkMethod(std::string_view text) {
  if (text == "full" || text == "lora" || text == "head")
    return {};
  int layers = 0;
  if (text.starts_with("layers:")) {
    auto [end, error] = std::from_chars(text.data() + 7, text.data() + text.size(), layers);
    if (error == std::errc() && end == text.data() + text.size() && layers >= 1)
      return {};
  }
  return rt::Status::error("expected full, lora, head or layers:K with K of at least 1, got " +
                           rt::quote(text, 40));
}

static void declareLora(FlagSet &flags, LoraFlags &lora, std::string &basePath) {
  flags.integer("lora_r", lora.r, {1, 1 << 16}, "lora: rank of the adapters");
  flags.shownDefault("8");
  flags.real("lora_alpha", lora.alpha, {.least = 0, .leastOpen = true},
             "lora: updates are scaled by alpha / r");
  flags.shownDefault("16");
  flags.real("lora_dropout", lora.dropout, {.least = 0, .most = 1, .mostOpen = true},
             "lora: dropout on the adapters' input");
  flags.shownDefault("0");
  flags.list("lora_target_modules", lora.targetModules, "NAME,…",
             "lora: linear layers by the end of their names, or all-linear");
  flags.shownDefault("PEFT's for the model_type");
  flags.list("modules_to_save", lora.modulesToSave, "NAME,…",
             "lora: modules trained and saved whole, beside the task's head");
  flags.text("model_name_or_path", basePath, "DIR",
             "lora: where the base model lies, when MODEL is a PEFT adapter");
  flags.shownDefault("where the adapter says");
}

/// Module names as PEFT has them; LoRA's flags go with LoRA.
static rt::Status checkLora(const FlagSet &flags, const LoraFlags &lora,
                            const std::string &method) {
  for (const char *name :
       {"lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "modules_to_save"})
    if (flags.given(name) && method != "lora")
      return rt::Status::usage(std::string("--") + name + ": needs --method lora, got " +
                               method);
  for (auto [name, list] : {std::pair("lora_target_modules", &lora.targetModules),
                            std::pair("modules_to_save", &lora.modulesToSave)}) {
    if (flags.given(name) && list->empty())
      return rt::Status::usage(std::string("--") + name + ": expected names of modules");
    for (const std::string &module : *list)
      if (module.empty() || !std::all_of(module.begin(), module.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '_' || c == '.' || c == '-';
          }))
        return rt::Status::usage(std::string("--") + name +
                                 ": expected names of modules, got '" + module.substr(0, 60) +
                                 "'");
    if (list->size() > 1 && std::find(list->begin(), list->end(), "all-linear") != list->end())
      return rt::Status::usage(std::string("--") + name + ": expected all-linear alone");
  }
  return {};
}

static rt::Status unknownPass(const std::string &pass, std::span<const std::string> known) {
  std::string nearest = nearestName(pass, known), all;
  for (const std::string &name : known)
    all += (all.empty() ? "" : ", ") + name;
  return rt::Status::usage("--disable: unknown pass " + rt::quote(pass, 60) +
                           (nearest.empty() ? "" : ", did you mean '" + nearest + "'?") +
                           "; expected " + all);
}

rt::Status checkLengths(const FlagSet &flags, const rt::Task &task,
                               const CompileOptions &options) {
  bool targets = task.hasTargetText();
  if (targets && options.maxSequenceLength)
    return rt::Status::usage("--max_seq_length: " + options.task +
                             " has --max_source_length and --max_target_length instead");
  for (const char *name : {"max_source_length", "max_target_length", "max_beams"})
    if (flags.given(name) && !targets && !task.generates())
      return rt::Status::usage(std::string("--") + name + ": " + options.task +
                               " writes no texts; leave it out");
  if (!targets && !options.sourcePrefix.value_or("").empty())
    return rt::Status::usage("--source_prefix: summarization and translation alone have it, "
                             "this is " + options.task);
  return {};
}

/// What no single flag can tell.
static rt::Status checkTogether(const FlagSet &flags, const CompileOptions &options) {
  if (options.output.empty() && options.emit == "artifact")
    return rt::Status::usage("--output (-o) is missing: the file to write, e.g. -o step.ftb");
  if (flags.given("gpu") && options.target != "cuda")
    return rt::Status::usage("--gpu: needs --target cuda, got " + options.target);
  if (flags.given("cpu") && options.target != "cpu")
    return rt::Status::usage("--cpu: needs --target cpu, got " + options.target);
  for (const std::string &pass : options.pipeline.disabled) {
    std::vector<std::string> known = optimizationPasses();
    if (std::find(known.begin(), known.end(), pass) == known.end())
      return unknownPass(pass, known);
  }
  FTC_ASSIGN_OR_RETURN(const rt::Task *task, rt::findTask(options.task));
  FTC_RETURN_IF_ERROR(rt::checkTaskFlags(*task, options.columns, options.labelAllTokens));
  if (!options.labels.empty() && task->hasLabelSet())
    if (rt::Result<rt::LabelSet> named = task->labelsFromNames(options.labels, {}); !named)
      return named.takeStatus();
  FTC_RETURN_IF_ERROR(checkLengths(flags, *task, options));
  if (options.emit != "artifact")
    return {};
  std::vector<std::string> inputs = options.trainFile;
  inputs.insert(inputs.end(), {options.model, options.basePath, flags.configuration()});
  return checkOutputFlag("output", options.output, inputs);
}

rt::Status compileCommand(std::span<const std::string> arguments) {
  CompileOptions options;
  std::string budget, plugin;
  FlagSet flags("ftc compile", "MODEL --task TASK [--train_file F] -o step.ftb",
                "Compiles a checkpoint's fine-tuning step into one artifact.");
  flags.positional("MODEL", options.model,
                   "directory in Hugging Face layout (config.json, model.safetensors, tokenizer), "
                   "a GGUF file, or a name of ftc catalog");
  flags.group("Task");
  flags.choice("task", options.task,
               {"text-classification", "token-classification", "question-answering",
                "text-generation", "summarization", "translation"},
               "what the model is tailored to");
  flags.require("task");
  flags.files("train_file", options.trainFile,
              "data to look at: label set and lengths; nothing else of it is stored");
  flags.list("labels", options.labels, "A,B,…", "label set without a data file");
  flags.text("text_column_name", options.columns.textColumnName, "NAME", "column of the text");
  flags.text("label_column_name", options.columns.labelColumnName, "NAME",
             "column of the label; several, A,B,…, of 0 and 1: one a label");
  flags.text("label_delimiter", options.columns.labelDelimiter, "TEXT",
             "what stands between the labels of a text that has several");
  flags.shownDefault("labels are lists");
  flags.boolean("do_regression", options.columns.regression,
                "text classification: true: the labels are values, false: they are classes");
  flags.shownDefault("as the labels look");
  flags.text("sentence1_key", options.columns.sentence1Key, "NAME", "column of a pair's first");
  flags.text("sentence2_key", options.columns.sentence2Key, "NAME", "column of a pair's second");
  flags.text("text_column", options.columns.textColumn, "NAME",
             "summarization: column of the text");
  flags.text("summary_column", options.columns.summaryColumn, "NAME",
             "summarization: column of the summary");
  flags.text("source_lang", options.columns.sourceLang, "LANG",
             "translation: the language to read; a default for ftrt");
  flags.text("target_lang", options.columns.targetLang, "LANG",
             "translation: the language to write; a default for ftrt");
  flags.text("source_prefix", options.sourcePrefix, "TEXT",
             "summarization, translation: put before every source; a default for ftrt");
  flags.boolean("label_all_tokens", options.labelAllTokens,
                "label every sub-word, not each word's first alone");
  flags.group("Training step");
  flags.text("method", options.pipeline.method, "full|lora|head|layers:K",
             "what is trained: all, adapters and the head, the head, or the last K layers and "
             "the head",
             checkMethod);
  declareLora(flags, options.lora, options.basePath);
  flags.choice("optim", options.pipeline.optimizer, optimizerNames(), "the update");
  flags.boolean("fused_update", options.pipeline.fusedUpdate,
                "update behind each weight gradient: no clipping, no accumulation");
  flags.boolean("frozen_dropout", options.pipeline.frozenDropout,
                "true: modules without a trainable parameter keep their dropout");
  flags.choice("precision", options.precision, {"fp32", "bf16", "tf32", "auto"},
               "what products are computed in, with f32 sums; auto: bf16 where this CPU has "
               "AVX-512 BF16, and on GPUs; tf32: of --target cuda. Weights and moments stay "
               "fp32");
  flags.group("Target and memory");
  flags.choice("target", options.target, {"cpu", "cuda"}, "what the code runs on");
  flags.list("cpu", options.cpus, "ISA,…", "native, x86-64-v3 (AVX2) or x86-64-v4 (AVX-512)");
  flags.list("gpu", options.gpus, "ARCH,…", "of --target cuda: sm_80 or sm_90");
  flags.shownDefault("sm_80,sm_90");
  flags.integer("max_seq_length", options.maxSequenceLength, {3, 1 << 20},
                "longest input in tokens; longer ones are cut");
  flags.shownDefault("the model's");
  flags.integer("max_tokens", options.maxTokens, {3, 1 << 24},
                "token capacity of one packed micro-batch: sets peak memory");
  flags.shownDefault("auto");
  flags.integer("max_source_length", options.generation.maxSourceLength, {1, 1 << 20},
                "longest source or prompt in tokens");
  flags.shownDefault("1024, at most --max_seq_length and the model's positions");
  flags.integer("max_target_length", options.generation.maxTargetLength, {1, 1 << 20},
                "longest target, and most new tokens of a generated text");
  flags.shownDefault("128, at most the model's positions");
  flags.integer("max_beams", options.generation.maxBeams, {1, 1024},
                "generation: beams that one text may have");
  flags.shownDefault("4");
  flags.text(
      "memory_budget", budget, "SIZE",
      "peak memory that the plan must fit, e.g. 2GiB: values are made again in the backward "
      "where it takes that, with the same results");
  flags.group("Output");
  flags.text("output", options.output, "FILE", "the artifact (short: -o)");
  flags.alias('o', "output");
  flags.choice("emit", options.emit, emitPhases(), "stop after a phase and print it");
  flags.boolean("remarks", options.remarks, "print each decision as a remark");
  flags.list("disable", options.pipeline.disabled, "PASS,…", "switch optimizations off");
  flags.text("pass_plugin", plugin, "FILE",
             "an MLIR pass plugin: its pipelines ftc-after-PHASE run behind the phases' own passes");
  flags.once("pass_plugin");
  flags.refuse({"output_dir", "validation_file", "test_file", "learning_rate", "num_train_epochs",
                "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
                "gradient_accumulation_steps", "lr_scheduler_type", "warmup_steps", "warmup_ratio",
                "weight_decay", "max_grad_norm", "label_smoothing_factor", "class_weights", "seed",
                "dropout", "eval_strategy", "evaluation_strategy", "save_strategy", "save_steps",
                "logging_steps", "do_train", "do_eval", "do_predict", "overwrite_output_dir",
                "num_beams", "doc_stride", "version_2_with_negative", "device", "threads"},
               "it is a flag of ftrt run");

  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return {};
  FTC_RETURN_IF_ERROR(checkLora(flags, options.lora, options.pipeline.method));
  if (!budget.empty()) {
    FTC_ASSIGN_OR_RETURN(options.memoryBudget, parseBytes(budget));
  }
  FTC_RETURN_IF_ERROR(checkTogether(flags, options));
  FTC_RETURN_IF_ERROR(checkTarget(options));
  if (!plugin.empty()) {
    FTC_ASSIGN_OR_RETURN(options.pipeline.plugged, loadPassPlugin(plugin));
  }
  FTC_ASSIGN_OR_RETURN(options.model, catalog::resolve(options.model));
  if (options.emit == "artifact") // a name's directory is known only now
    FTC_RETURN_IF_ERROR(checkOutputFlag("output", options.output, {&options.model, 1}));
  return compile(options);
}

} // namespace ftc::cli
