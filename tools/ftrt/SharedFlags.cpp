// Flags and rules that several commands share.
#include "tools/ftrt/Commands.h"

#include "runtime/support/FileSystem.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cctype>

namespace ftc::cli {

namespace {

rt::Status checkDevice(std::string_view name) {
  std::string_view index = name.starts_with("cuda:") ? name.substr(5) : "0";
  bool digits =
      !index.empty() && index.size() < 4 &&
      std::all_of(index.begin(), index.end(), [](unsigned char c) { return std::isdigit(c); });
  if (name == "cpu" || name == "cpu-async" || name == "cuda" ||
      (name.starts_with("cuda:") && digits))
    return rt::Status::ok();
  return rt::Status::usage("expected cpu, cuda or cuda:N, got " + rt::quote(name));
}

} // namespace

void DeviceFlags::declare(FlagSet &flags) {
  flags.text("device", device, "cpu|cuda[:N]", "where to run", checkDevice);
  flags.integer("threads", threads, {.least = 0, .most = 1024},
                "CPU threads, 0: every core; results do not depend on it");
}

void declareQuestions(FlagSet &flags, rt::QuestionSettings &settings) {
  flags.group("Question answering");
  flags.integer("doc_stride", settings.docStride, {.least = 0, .most = 1 << 20},
                "tokens that neighbouring windows of a long context share");
  flags.integer("n_best_size", settings.nBestSize, {.least = 1, .most = 1000},
                "starts and ends of answers that are looked at");
  flags.integer("max_answer_length", settings.maxAnswerLength, {.least = 1, .most = 1 << 20},
                "longest answer, in tokens");
  flags.boolean("version_2_with_negative", settings.version2WithNegative,
                "questions may have no answer (SQuAD 2)");
  flags.real("null_score_diff_threshold", settings.nullScoreDiffThreshold, {},
             "no answer is given when its score is better by more than this");
}

void declareTargets(FlagSet &flags, rt::ColumnFlags &columns,
                    std::optional<std::string> &prefix) {
  flags.text("text_column", columns.textColumn, "NAME", "summarization: column of the text");
  flags.text("summary_column", columns.summaryColumn, "NAME",
             "summarization: column of the summary");
  flags.text("source_lang", columns.sourceLang, "LANG",
             "translation: the language to read (its column's name; mBART: en_XX); kept with the "
             "model");
  flags.text("target_lang", columns.targetLang, "LANG",
             "translation: the language to write; kept with the model");
  flags.text("source_prefix", prefix, "TEXT",
             "summarization, translation: put before every source (T5: 'summarize: '), '' for "
             "none; kept with the model");
  flags.shownDefault("as compiled");
}

void declareGeneration(FlagSet &flags, rt::GenerationFlags &settings) {
  flags.group("Generation");
  flags.integer("num_beams", settings.numBeams, {.least = 1, .most = 1024},
                "beams of a text; 1: greedy search or sampling");
  flags.shownDefault("generation_config.json's");
  flags.integer("max_new_tokens", settings.maxNewTokens, {.least = 1, .most = 1 << 20},
                "most tokens that are written");
  flags.shownDefault("as compiled");
  flags.integer("max_length", settings.maxLength, {.least = 1, .most = 1 << 20},
                "the same with the prompt's tokens counted; summarization, translation: of the "
                "target");
  flags.shownDefault("none");
  flags.integer("min_length", settings.minLength, {.least = 0, .most = 1 << 20},
                "tokens, the prompt's counted, before a text may end; summarization, translation: "
                "the target's");
  flags.shownDefault("generation_config.json's");
  flags.real("length_penalty", settings.lengthPenalty, {.least = -100, .most = 100},
             "beams: scores are divided by the length to this power");
  flags.shownDefault("generation_config.json's");
  flags.integer("no_repeat_ngram_size", settings.noRepeatNgramSize,
                {.least = 0, .most = 1 << 20}, "n-grams of this size occur once; 0: off");
  flags.shownDefault("generation_config.json's");
  flags.boolean("do_sample", settings.doSample, "draw tokens instead of taking the likeliest");
  flags.shownDefault("generation_config.json's");
  flags.real("temperature", settings.temperature, {.least = 1e-6, .most = 1e6},
             "sampling: scores are divided by it");
  flags.shownDefault("generation_config.json's");
  flags.integer("top_k", settings.topK, {.least = 0, .most = 1 << 30},
                "sampling: from so many likeliest tokens; 0: from all");
  flags.shownDefault("generation_config.json's");
  flags.real("top_p", settings.topP, {.least = 0, .most = 1, .leastOpen = true},
             "sampling: from the likeliest tokens that have this share");
  flags.shownDefault("generation_config.json's");
}

void declarePredictWithGenerate(FlagSet &flags, bool &generate) {
  flags.boolean("predict_with_generate", generate,
                "false: no texts are written; of summarization and translation the loss alone is "
                "measured");
}

void declareBasePath(FlagSet &flags, std::string &path) {
  flags.text("model_name_or_path", path, "DIR",
             "where an adapter's base model lies now; its hash is checked");
  flags.shownDefault("where it was compiled from");
}

std::string artifactIn(const std::string &path) {
  if (!rt::isDirectory(path))
    return path;
  std::string inside = rt::joinPath(path, "step.ftb");
  // A checkpoint's artifact lies beside it.
  std::string beside = rt::joinPath(rt::joinPath(path, ".."), "step.ftb");
  return !rt::isFile(inside) && rt::isFile(beside) ? beside : inside;
}

void refuseCompileOptions(FlagSet &flags) {
  flags.refuse({"task",
                "do_regression",
                "labels",
                "method",
                "lora_r",
                "lora_alpha",
                "lora_dropout",
                "lora_target_modules",
                "modules_to_save",
                "optim",
                "fused_update",
                "precision",
                "target",
                "cpu",
                "gpu",
                "max_seq_length",
                "max_source_length",
                "max_target_length",
                "max_beams",
                "max_tokens",
                "memory_budget",
                "emit",
                "remarks",
                "disable",
                "pass_plugin"},
               "it is an option of ftc compile");
}

} // namespace ftc::cli
