// One line a setting, in the order of --help.
#include "runtime/train/SettingsTable.h"

#include <cstdio>

namespace ftc::rt {

namespace {

std::string real(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

/// The two of parallel text as they were given.
std::string files(const std::vector<std::string> &paths) {
  std::string text;
  for (const std::string &path : paths)
    text += (text.empty() ? "" : " ") + path;
  return text;
}

std::string boolean(bool value) { return value ? "true" : "false"; }

} // namespace

std::vector<std::pair<std::string, std::string>> settingsTable(const TrainSettings &s) {
  auto optional = [](const auto &value) {
    return value ? real(static_cast<double>(*value)) : std::string();
  };
  std::vector<std::pair<std::string, std::string>> rows = {
      {"artifact", s.artifact},
      {"--train_file", files(s.trainFile)},
      {"--validation_file", files(s.validationFile)},
      {"--test_file", files(s.testFile)},
      {"--output_dir", s.outputDir},
      {"--num_train_epochs", real(s.numTrainEpochs)},
      {"--max_steps", std::to_string(s.maxSteps)},
      {"--per_device_train_batch_size", std::to_string(s.trainBatchSize)},
      {"--per_device_eval_batch_size", std::to_string(s.evalBatchSize)},
      {"--gradient_accumulation_steps", std::to_string(s.accumulationSteps)},
      {"--learning_rate", real(s.learningRate)},
      {"--lr_scheduler_type", s.schedulerType},
      {"--warmup_steps", std::to_string(s.warmupSteps)},
      {"--warmup_ratio", real(s.warmupRatio)},
      {"--weight_decay", real(s.weightDecay)},
      {"--adam_beta1", real(s.adamBeta1)},
      {"--adam_beta2", real(s.adamBeta2)},
      {"--adam_epsilon", real(s.adamEpsilon)},
      {"--optim_args", s.optimArgs},
      {"--max_grad_norm", real(s.maxGradNorm)},
      {"--label_smoothing_factor", real(s.labelSmoothing)},
      {"--class_weights", s.classWeights},
      {"--dropout", optional(s.dropout)},
      {"--seed", std::to_string(s.seed)},
      {"--shuffle", boolean(s.shuffle)},
      {"--validation_split_percentage", std::to_string(s.validationSplitPercentage)},
      {"--eval_strategy", s.evalStrategy},
      {"--save_strategy", s.saveStrategy},
      {"--load_best_model_at_end", boolean(s.loadBestModelAtEnd)},
      {"--metric_for_best_model", s.metricForBestModel},
      {"--early_stopping_patience", optional(s.earlyStoppingPatience)},
      {"--source_lang", s.columns.sourceLang},
      {"--target_lang", s.columns.targetLang},
      {"--source_prefix", s.sourcePrefix.value_or("")},
      {"--predict_with_generate", s.predictWithGenerate ? "" : "false"},
      {"--num_beams", optional(s.generation.numBeams)},
      {"--max_new_tokens", optional(s.generation.maxNewTokens)},
      {"--max_length", optional(s.generation.maxLength)},
      {"--min_length", optional(s.generation.minLength)},
      {"--length_penalty", optional(s.generation.lengthPenalty)},
      {"--no_repeat_ngram_size", optional(s.generation.noRepeatNgramSize)},
      {"--doc_stride", std::to_string(s.questions.docStride)},
      {"--n_best_size", std::to_string(s.questions.nBestSize)},
      {"--max_answer_length", std::to_string(s.questions.maxAnswerLength)},
      {"--version_2_with_negative", boolean(s.questions.version2WithNegative)},
      {"--null_score_diff_threshold", real(s.questions.nullScoreDiffThreshold)},
      {"--device", s.device},
      {"--threads", std::to_string(s.threads)},
  };
  std::erase_if(rows, [](const auto &row) { return row.second.empty(); });
  return rows;
}

} // namespace ftc::rt
